// The `daos` program.

#include "cli/program.h"

int main(int argc, char** argv) { return aeon::cli::run_program(aeon::cli::daos_program(), argc, argv); }
