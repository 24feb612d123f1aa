# ./learn in a copy of the checkout that links the library of this build: the learner's loop,
# checkouts as people have them, and other machines.
function(add_learn_test name script)
  add_test(NAME learn.${name} COMMAND ${CMAKE_CURRENT_LIST_DIR}/${script} ${PROJECT_BINARY_DIR})
  set_tests_properties(learn.${name} PROPERTIES LABELS scripts TIMEOUT 300 PROCESSORS 2
                       SKIP_RETURN_CODE 77
                       ENVIRONMENT "CXX=${CMAKE_CXX_COMPILER};CXXFLAGS=${CMAKE_CXX_FLAGS}")
endfunction()

add_learn_test(exercises learn_test.sh)
add_learn_test(checkout checkout_test.sh)
add_learn_test(machine machine_test.sh)
