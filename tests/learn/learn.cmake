# The learner's loop of ./learn, in a copy of the checkout that links the library of this build.
add_test(NAME learn.exercises COMMAND ${CMAKE_CURRENT_LIST_DIR}/learn_test.sh ${PROJECT_BINARY_DIR})
set_tests_properties(learn.exercises PROPERTIES LABELS scripts TIMEOUT 300 PROCESSORS 4
                     ENVIRONMENT "CXX=${CMAKE_CXX_COMPILER};CXXFLAGS=${CMAKE_CXX_FLAGS}")
