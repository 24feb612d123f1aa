# What declares a test, for CMakeLists.txt of tests/ and the chapters' chapter.cmake. PROCESSORS
# counts half cores: scripts/tests.sh runs tests on twice the number of cores. A rank that computes
# takes two; a script that mostly waits for its ranks, one, and may run beside any other test.
cmake_host_system_information(RESULT cores QUERY NUMBER_OF_LOGICAL_CORES)
math(EXPR all_but_one "2 * ${cores} - 1")

# add_mpi_test(name RANKS n LABEL label [SECONDS limit] [GPUS n] [SCRIPT script with arguments]
# COMMAND program arguments…): GPUS are emulated ones. What is not told a device computes on the
# CPU, also where there is a GPU (tests/gpu.sh is for those). SCRIPT takes the place of "mpirun.sh
# n" in front of the command.
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
  math(EXPR half_cores "2 * ${test_RANKS}")
  if(half_cores GREATER all_but_one)
    set(half_cores ${all_but_one})
  endif()
  set_tests_properties(${name} PROPERTIES LABELS ${test_LABEL} TIMEOUT ${test_SECONDS}
                       PROCESSORS ${half_cores} ENVIRONMENT "${environment}")
endfunction()

# add_files_tests(prefix suffix program FILES files… and what add_mpi_test takes, but COMMAND): one
# test a file, named PREFIX.FILESUFFIX, on the CPU or on emulated GPUS; all run in one start of the
# program, the test PREFIX.runSUFFIX.
function(add_files_tests prefix suffix program)
  cmake_parse_arguments(test "" "RANKS;LABEL;GPUS" "FILES" ${ARGN})
  if(NOT test_FILES)
    return()
  endif()
  set(settings RANKS ${test_RANKS} LABEL ${test_LABEL} GPUS ${test_GPUS} SECONDS 900)
  set(device $<IF:$<BOOL:${test_GPUS}>,cuda,cpu>)
  set(script ${PROJECT_SOURCE_DIR}/tests/files.sh
      ${PROJECT_BINARY_DIR}/tests/results/${prefix}${suffix})
  set(arguments ${test_RANKS} $<TARGET_FILE:${program}> ${device})
  set(run ${prefix}.run${suffix})
  add_mpi_test(${run} ${settings} SCRIPT ${script} all ${arguments} COMMAND ${test_FILES})
  set_tests_properties(${run} PROPERTIES FIXTURES_SETUP ${run})
  foreach(file ${test_FILES})
    string(REGEX REPLACE "(_test)?\\.cpp$" "" name ${file})
    add_mpi_test(${prefix}.${name}${suffix} ${settings} SCRIPT ${script} one ${arguments}
                 COMMAND ${file})
    set_tests_properties(${prefix}.${name}${suffix} PROPERTIES FIXTURES_REQUIRED ${run})
  endforeach()
endfunction()

# in_other_orders(name [RANKS n] [GPUS n] COMMAND program arguments…): on emulated GPUs, kernels
# twice more, their threads from the last to the first, and at random. Where two accesses that no
# barrier orders change a result, it is wrong in one of these orders.
function(in_other_orders name)
  cmake_parse_arguments(test "" "RANKS;GPUS" "COMMAND" ${ARGN})
  foreach(number RANKS GPUS)
    if(NOT test_${number})
      set(test_${number} 1)
    endif()
  endforeach()
  foreach(order backward random)
    add_mpi_test(emulated_gpu.${order}.${name} RANKS ${test_RANKS} LABEL emulated_gpu
                 GPUS ${test_GPUS} COMMAND ${test_COMMAND})
    set_property(TEST emulated_gpu.${order}.${name}
                 APPEND PROPERTY ENVIRONMENT SHARD_EMULATED_GPU_ORDER=${order})
  endforeach()
endfunction()

# chapter_test([NAME name] [CPU n…] [GPU n…] [SHARED_GPU n…] [ARGUMENTS arguments…]): the program of
# the chapter that is being declared, whose checks must hold, on these numbers of ranks: on the CPU,
# with one emulated GPU a rank (NCCL's calls), and with one for all (staged collectives). NAME tells
# several tests of a chapter apart. Without numbers: the CPU on 1 to 4, and of the GPU what shows
# each way once, for emulated_gpu.parallel.* tests the blocks on all numbers of ranks.
function(chapter_test)
  cmake_parse_arguments(test "" "NAME" "CPU;GPU;SHARED_GPU;ARGUMENTS" ${ARGN})
  if(NOT test_NAME)
    set(test_NAME ${chapter})
  endif()
  if(NOT test_CPU AND NOT test_GPU AND NOT test_SHARED_GPU)
    set(test_CPU 1 2 3 4)
    set(test_GPU 1 4)
    set(test_SHARED_GPU 3)
  endif()
  set(name chapter.${test_NAME})
  set(on_gpu LABEL emulated_gpu SECONDS 240 COMMAND $<TARGET_FILE:${chapter}> --device cuda
      ${test_ARGUMENTS})
  foreach(ranks ${test_CPU})
    add_mpi_test(${name}.${ranks}_ranks RANKS ${ranks} LABEL chapters
                 COMMAND $<TARGET_FILE:${chapter}> ${test_ARGUMENTS})
  endforeach()
  foreach(ranks ${test_GPU})
    add_mpi_test(emulated_gpu.${name}.${ranks}_ranks RANKS ${ranks} GPUS ${ranks} ${on_gpu})
  endforeach()
  foreach(ranks ${test_SHARED_GPU})
    add_mpi_test(emulated_gpu.${name}.${ranks}_ranks_share RANKS ${ranks} GPUS 1 ${on_gpu})
  endforeach()
endfunction()
