// Asynchronous copies from global to shared memory, as a GPU may make them at the worst moment.
#pragma once

namespace emulated_gpu {

/// Ends the process if the running thread, which has ended, has not waited for all its copies.
void check_that_copies_have_ended();

}  // namespace emulated_gpu
