#pragma once

namespace aeon {

// `aeon_sim faults`: each kind of disk fault against the store, and a table of what came of it.
int faults_main(int argc, char** argv);

}  // namespace aeon
