#pragma once

namespace aeon {

// `aeon_sim crash`: looks at crash points of the stores, and says how to repeat the one that failed.
int crash_main(int argc, char** argv);

}  // namespace aeon
