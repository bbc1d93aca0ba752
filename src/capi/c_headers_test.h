#pragma once

#ifdef __cplusplus
extern "C" {
#endif

// How many of the checks in c_headers_test.c fail, compiled as C and as C++.
int c_headers_fault_count(void);
int cpp_headers_fault_count(void);

#ifdef __cplusplus
#define FAULT_COUNT_NAME cpp_headers_fault_count
}
#else
#define FAULT_COUNT_NAME c_headers_fault_count
#endif
