# Checkpoints, resuming and faults: docs/faults.md lists what must happen, and which of these tests
# shows it.

# add_trust_test(name LABEL label SECONDS limit COMMAND program arguments…): exit status 77 is a
# skip, counted and shown.
function(add_trust_test name)
  cmake_parse_arguments(test "" "LABEL;SECONDS" "COMMAND" ${ARGN})
  add_test(NAME ${name} COMMAND ${test_COMMAND})
  set_tests_properties(${name} PROPERTIES LABELS ${test_LABEL} TIMEOUT ${test_SECONDS} PROCESSORS 2
                       SKIP_RETURN_CODE 77 ENVIRONMENT "MPIEXEC=${MPIEXEC_EXECUTABLE}")
endfunction()

set(here ${CMAKE_CURRENT_LIST_DIR})
foreach(case resume resume_grid start_from byte_pairs interrupted killed stopped disk refused
        odd_texts several_texts terminal hugging_face hugging_face_models tidy)
  add_trust_test(trust.${case} LABEL faults SECONDS 600 COMMAND ${here}/${case}.sh
                 ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
endforeach()
set_property(TEST faults.runner faults.ranks faults.bad_input APPEND PROPERTY LABELS faults)
add_trust_test(trust.launcher LABEL faults SECONDS 120
               COMMAND ${here}/launcher.sh ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_trust_test(trust.launcher_machine LABEL faults SECONDS 120
               COMMAND ${here}/launcher.sh ${CMAKE_RUNTIME_OUTPUT_DIRECTORY} machine)

add_library(poor_file_system MODULE ${here}/poor_file_system.cpp)
target_compile_options(poor_file_system PRIVATE -fno-sanitize=all)
target_link_options(poor_file_system PRIVATE -fno-sanitize=all)
add_trust_test(trust.poor_disk LABEL faults SECONDS 600 COMMAND ${here}/poor_disk.sh
               ${CMAKE_RUNTIME_OUTPUT_DIRECTORY} $<TARGET_FILE:poor_file_system>)

add_trust_test(trust.two_hosts LABEL hosts SECONDS 300
               COMMAND ${here}/../two_hosts.sh ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_trust_test(trust.slurm LABEL hosts SECONDS 300 COMMAND ${here}/../slurm.sh
               ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_trust_test(trust.scripts LABEL scripts SECONDS 120 COMMAND ${here}/scripts.sh)
add_trust_test(trust.data LABEL scripts SECONDS 60 COMMAND ${here}/data.sh)
add_trust_test(trust.layers LABEL scripts SECONDS 60 COMMAND python3 ${here}/layers.py)
add_trust_test(trust.tasks LABEL exercises SECONDS 60 COMMAND python3 ${here}/tasks.py)

# The fuzz targets: with clang for some seconds, and everywhere on each file of the corpus, cut
# after any byte.
set(fuzz ${here}/../fuzz)
foreach(target safetensors options)
  file(GLOB corpus ${fuzz}/corpus/${target}/[a-z0-9]*)
  add_executable(${target}_replay ${fuzz}/replay.cpp ${fuzz}/${target}_fuzz.cpp)
  target_link_libraries(${target}_replay PRIVATE shard_common)
  add_trust_test(fuzz.${target}_corpus LABEL fuzz SECONDS 60 COMMAND ${target}_replay ${corpus})
  add_trust_test(fuzz.${target} LABEL fuzz SECONDS 300
                 COMMAND ${fuzz}/fuzz.sh ${target} ${PROJECT_BINARY_DIR}/fuzz -max_total_time=10)
endforeach()

# Valgrind does not know every instruction of this machine, so the reader is compiled for any; nor
# does it go together with sanitizers.
file(GLOB corpus ${fuzz}/corpus/safetensors/[a-z0-9]*)
add_executable(safetensors_valgrind ${fuzz}/replay.cpp ${fuzz}/safetensors_fuzz.cpp
               ${PROJECT_SOURCE_DIR}/common/storage/safetensors.cpp
               ${PROJECT_SOURCE_DIR}/common/storage/file_format.cpp
               ${PROJECT_SOURCE_DIR}/common/base/shape.cpp)
target_compile_options(safetensors_valgrind PRIVATE -O1 -march=x86-64 -g -fno-sanitize=all)
target_link_options(safetensors_valgrind PRIVATE -fno-sanitize=all)
target_include_directories(safetensors_valgrind SYSTEM PRIVATE ${JSON_INCLUDE})
add_trust_test(fuzz.valgrind LABEL fuzz SECONDS 300
               COMMAND ${here}/valgrind.sh $<TARGET_FILE:safetensors_valgrind> ${corpus})

# What hugging_face.sh compares with Hugging Face's tokenizers.
add_executable(tokenize ${here}/tokenize.cpp)
target_link_libraries(tokenize PRIVATE shard_common)

# These mostly wait.
set_tests_properties(trust.slurm trust.two_hosts PROPERTIES PROCESSORS 1)
