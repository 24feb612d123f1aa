# What declares a test, for CMakeLists.txt of tests/ and the chapters' chapter.cmake.

# add_mpi_test(name RANKS n LABEL label [SECONDS limit] [GPUS n] [SCRIPT script with arguments] COMMAND program arguments…):
# GPUS are emulated ones. What is not told a device computes on the CPU, also where there is a GPU (tests/gpu.sh is for
# those). SCRIPT takes the place of "mpirun.sh n" in front of the command.
function(add_mpi_test name)
  cmake_parse_arguments(test "" "RANKS;LABEL;SECONDS;GPUS" "COMMAND;SCRIPT" ${ARGN})
  if(NOT test_SECONDS)
    set(test_SECONDS 120)
  endif()
  if(NOT test_SCRIPT)
    set(test_SCRIPT ${PROJECT_SOURCE_DIR}/tests/mpirun.sh ${test_RANKS})
  endif()
  set(environment "MPIEXEC=${MPIEXEC_EXECUTABLE}" OMP_NUM_THREADS=1 SHARD_DEVICE=cpu)
  if(test_GPUS)
    list(APPEND environment SHARD_EMULATED_GPUS=${test_GPUS})
  endif()
  add_test(NAME ${name} COMMAND ${test_SCRIPT} ${test_COMMAND})
  set_tests_properties(${name} PROPERTIES LABELS ${test_LABEL} TIMEOUT ${test_SECONDS} PROCESSORS ${test_RANKS}
                       ENVIRONMENT "${environment}")
endfunction()

# on_emulated_gpus(name RANKS n COMMAND program arguments…): the test with one GPU a rank and, if ranks can share, with one.
function(on_emulated_gpus name)
  cmake_parse_arguments(test "" "RANKS" "COMMAND" ${ARGN})
  add_mpi_test(emulated_gpu.${name}.${test_RANKS}_ranks RANKS ${test_RANKS} LABEL emulated_gpu GPUS ${test_RANKS}
               SECONDS 240 COMMAND ${test_COMMAND})
  if(test_RANKS GREATER 1)
    add_mpi_test(emulated_gpu.${name}.${test_RANKS}_ranks_share RANKS ${test_RANKS} LABEL emulated_gpu GPUS 1
                 SECONDS 240 COMMAND ${test_COMMAND})
  endif()
endfunction()

# add_files_tests(prefix suffix program FILES files… and what add_mpi_test takes, but COMMAND): one test a file, named
# PREFIX.FILESUFFIX, on the CPU or on emulated GPUS; all run in one start of the program, the test PREFIX.runSUFFIX.
function(add_files_tests prefix suffix program)
  cmake_parse_arguments(test "" "RANKS;LABEL;GPUS" "FILES" ${ARGN})
  if(NOT test_FILES)
    return()
  endif()
  set(settings RANKS ${test_RANKS} LABEL ${test_LABEL} GPUS ${test_GPUS} SECONDS 900)
  set(device $<IF:$<BOOL:${test_GPUS}>,cuda,cpu>)
  set(script ${PROJECT_SOURCE_DIR}/tests/files.sh ${PROJECT_BINARY_DIR}/tests/results/${prefix}${suffix})
  set(arguments ${test_RANKS} $<TARGET_FILE:${program}> ${device})
  set(run ${prefix}.run${suffix})
  add_mpi_test(${run} ${settings} SCRIPT ${script} all ${arguments} COMMAND ${test_FILES})
  set_tests_properties(${run} PROPERTIES FIXTURES_SETUP ${run})
  foreach(file ${test_FILES})
    string(REGEX REPLACE "(_test)?\\.cpp$" "" name ${file})
    add_mpi_test(${prefix}.${name}${suffix} ${settings} SCRIPT ${script} one ${arguments} COMMAND ${file})
    set_tests_properties(${prefix}.${name}${suffix} PROPERTIES FIXTURES_REQUIRED ${run})
  endforeach()
endfunction()

# chapter_test([NAME name] RANKS n… [ONLY CPU|GPU] ARGUMENTS arguments…): the program of the chapter that is
# being declared, whose checks must hold, on the CPU and on the emulated GPU: one GPU a rank, and one for all. NAME tells
# several tests of a chapter apart.
function(chapter_test)
  cmake_parse_arguments(test "" "NAME;ONLY" "RANKS;ARGUMENTS" ${ARGN})
  if(NOT test_NAME)
    set(test_NAME ${chapter})
  endif()
  foreach(ranks ${test_RANKS})
    if(NOT test_ONLY STREQUAL "GPU")
      add_mpi_test(chapter.${test_NAME}.${ranks}_ranks RANKS ${ranks} LABEL chapters
                   COMMAND $<TARGET_FILE:${chapter}> ${test_ARGUMENTS})
    endif()
    if(NOT test_ONLY STREQUAL "CPU")
      on_emulated_gpus(chapter.${test_NAME} RANKS ${ranks}
                       COMMAND $<TARGET_FILE:${chapter}> --device cuda ${test_ARGUMENTS})
    endif()
  endforeach()
endfunction()
