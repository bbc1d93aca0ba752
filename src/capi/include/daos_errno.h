// The errors of the DAOS interface.
//
// A daos_* call returns 0 or the negative of one of these codes; a dfs_* call returns 0 or a positive
// errno value instead.
#ifndef AEON_DAOS_ERRNO_H
#define AEON_DAOS_ERRNO_H

#ifdef __cplusplus
extern "C" {
#endif

// X(name, value, what it means), in order of value. Not every code is returned by this library: some
// name faults of parts it does not have, and are here so that programs that handle them compile.
#define DAOS_FOREACH_ERROR(X)                                                                  \
  X(DER_NO_PERM, 1001, "Permission denied")                                                    \
  X(DER_NO_HDL, 1002, "The handle is not open")                                                \
  X(DER_INVAL, 1003, "An argument is invalid")                                                 \
  X(DER_EXIST, 1004, "It exists already")                                                      \
  X(DER_NONEXIST, 1005, "It does not exist")                                                   \
  X(DER_UNREACH, 1006, "The other node cannot be reached")                                     \
  X(DER_NOSPACE, 1007, "No space is left on a target")                                         \
  X(DER_ALREADY, 1008, "It was done before")                                                   \
  X(DER_NOMEM, 1009, "Out of memory")                                                          \
  X(DER_NOSYS, 1010, "This function is not available")                                         \
  X(DER_TIMEDOUT, 1011, "It took too long")                                                    \
  X(DER_BUSY, 1012, "It is in use")                                                            \
  X(DER_AGAIN, 1013, "Not possible now, try again")                                            \
  X(DER_PROTO, 1014, "The two sides speak different protocol versions")                        \
  X(DER_UNINIT, 1015, "The library is not initialised")                                        \
  X(DER_TRUNC, 1016, "The buffer is too small for the answer")                                 \
  X(DER_OVERFLOW, 1017, "The value does not fit where it is to go")                            \
  X(DER_CANCELED, 1018, "It was cancelled")                                                    \
  X(DER_OOG, 1019, "Not a member of the group")                                                \
  X(DER_HG, 1020, "The network layer failed")                                                  \
  X(DER_UNREG, 1021, "Unknown message or protocol version")                                    \
  X(DER_ADDRSTR_GEN, 1022, "The network address cannot be written as text")                    \
  X(DER_PMIX, 1023, "The process manager failed")                                              \
  X(DER_IVCB_FORWARD, 1024, "The value is not here, ask the next node")                        \
  X(DER_MISC, 1025, "Some other error")                                                        \
  X(DER_BADPATH, 1026, "The path is not valid")                                                \
  X(DER_NOTDIR, 1027, "Not a directory")                                                       \
  X(DER_CORPC_INCOMPLETE, 1028, "Not every node took part in the collective call")             \
  X(DER_NO_RAS_RANK, 1029, "Nobody listens to fault events")                                   \
  X(DER_NOTATTACH, 1030, "Not attached to the service group")                                  \
  X(DER_MISMATCH, 1031, "The two do not match")                                                \
  X(DER_EXCLUDED, 1032, "The engine is excluded from the system")                              \
  X(DER_NOREPLY, 1033, "The request was dropped without an answer")                            \
  X(DER_DOS, 1034, "Refused: too many requests")                                               \
  X(DER_BAD_TARGET, 1035, "The request went to the wrong target")                              \
  X(DER_GRPVER, 1036, "The group versions differ")                                             \
  X(DER_HLC_SYNC, 1037, "The clocks of two nodes are too far apart")                           \
  X(DER_NO_SHMEM, 1038, "Out of shared memory")                                                \
  X(DER_ADD_METRIC_FAILED, 1039, "The metric cannot be added")                                 \
  X(DER_DURATION_MISMATCH, 1040, "A duration ends that has not begun")                         \
  X(DER_OP_NOT_PERMITTED, 1041, "This kind of metric cannot do that")                          \
  X(DER_EXCEEDS_PATH_LEN, 1042, "The path is too long")                                        \
  X(DER_METRIC_NOT_FOUND, 1043, "There is no such metric")                                     \
  X(DER_SHMEM_PERMS, 1044, "The shared memory belongs to another user or group")               \
  X(DER_HG_FATAL, 1045, "The network layer failed for good")                                   \
  X(DER_QUOTA_LIMIT, 1046, "The quota is used up")                                             \
  X(DER_IO, 2001, "Reading or writing storage failed")                                         \
  X(DER_FREE_MEM, 2002, "Memory cannot be given back")                                         \
  X(DER_ENOENT, 2003, "No such entry")                                                         \
  X(DER_NOTYPE, 2004, "Unknown object type")                                                   \
  X(DER_NOSCHEMA, 2005, "Unknown object schema")                                               \
  X(DER_NOLOCAL, 2006, "The object is on another node")                                        \
  X(DER_STALE, 2007, "The pool map is out of date")                                            \
  X(DER_NOTLEADER, 2008, "This replica does not lead the service")                             \
  X(DER_TGT_CREATE, 2009, "The target cannot be created")                                      \
  X(DER_EP_RO, 2010, "That epoch can only be read")                                            \
  X(DER_EP_OLD, 2011, "That epoch is so old that its data is gone")                            \
  X(DER_KEY2BIG, 2012, "The key is too long")                                                  \
  X(DER_REC2BIG, 2013, "The record is too long")                                               \
  X(DER_IO_INVAL, 2014, "Buffers and extents have different sizes")                            \
  X(DER_EQ_BUSY, 2015, "The event queue still has events in flight")                           \
  X(DER_DOMAIN, 2016, "The fault domains do not match")                                        \
  X(DER_SHUTDOWN, 2017, "The service is shutting down")                                        \
  X(DER_INPROGRESS, 2018, "It is being done")                                                  \
  X(DER_NOTAPPLICABLE, 2019, "It does not apply here")                                         \
  X(DER_NOTREPLICA, 2020, "This node holds no replica of the service")                         \
  X(DER_CSUM, 2021, "The checksum does not match the data")                                    \
  X(DER_DF_INVAL, 2022, "The stored format is damaged or unknown")                             \
  X(DER_DF_INCOMPT, 2023, "The stored format has a version this program cannot use")           \
  X(DER_REC_SIZE, 2024, "The record size differs from the one stored")                         \
  X(DER_TX_RESTART, 2025, "The transaction met a conflict, restart it")                        \
  X(DER_DATA_LOSS, 2026, "Data is lost and cannot be rebuilt")                                 \
  X(DER_OP_CANCELED, 2027, "The operation was cancelled")                                      \
  X(DER_TX_BUSY, 2028, "The transaction is not committed yet")                                 \
  X(DER_AGENT_INCOMPAT, 2029, "The agent and this library do not work together")               \
  X(DER_NEED_TX, 2030, "It needs a distributed transaction")                                   \
  X(DER_RF, 2031, "More has failed than the redundancy covers")                                \
  X(DER_FETCH_AGAIN, 2032, "Fetch again")                                                      \
  X(DER_TX_UNCERTAIN, 2033, "Whether the transaction committed is not known")                  \
  X(DER_AGENT_COMM, 2034, "The agent cannot be reached")                                       \
  X(DER_ID_MISMATCH, 2035, "The ids differ")                                                   \
  X(DER_TGT_RETRY, 2036, "Try another target")                                                 \
  X(DER_NOTSUPPORTED, 2037, "Not supported")                                                   \
  X(DER_CONTROL_INCOMPAT, 2038, "Parts of the control plane do not work together")             \
  X(DER_NO_SERVICE, 2039, "No replica of the service answers")                                 \
  X(DER_TX_ID_REUSED, 2040, "The transaction id may have been used before")                    \
  X(DER_UPDATE_AGAIN, 2041, "Update again")                                                    \
  X(DER_NVME_IO, 2042, "An NVMe device failed to read or write")                               \
  X(DER_NO_CERT, 2043, "A certificate cannot be read")                                         \
  X(DER_BAD_CERT, 2044, "A certificate is not valid")                                          \
  X(DER_VOS_PARTIAL_UPDATE, 2045, "An extent may not be overwritten in part at its own epoch") \
  X(DER_CHKPT_BUSY, 2046, "The page is being checkpointed")                                    \
  X(DER_DIV_BY_ZERO, 2047, "Division by zero")                                                 \
  X(DER_OVERLOAD_RETRY, 2048, "The service is overloaded, try later")                          \
  X(DER_NOT_RESUME, 2049, "The earlier check cannot be taken up again")                        \
  X(DER_CONT_NONEXIST, 2050, "The container does not exist")                                   \
  X(DER_CONT_DESTROYING, 2051, "The container is being destroyed")                             \
  X(DER_IGNORE, 2052, "To be skipped")

#define DAOS_ERROR_ENUMERATOR(name, value, text) name = value,

enum daos_errno {
  DER_SUCCESS = 0,
  DER_ERR_GURT_BASE = 1000,
  DER_ERR_DAOS_BASE = 2000,
  DAOS_FOREACH_ERROR(DAOS_ERROR_ENUMERATOR) DER_LAST_VALID,
  DER_UNKNOWN = 501000,
};

#undef DAOS_ERROR_ENUMERATOR

// The name of what a daos_* call returned, such as "DER_NONEXIST" for -DER_NONEXIST; "DER_UNKNOWN" for
// any other number, positive ones too. The text is constant.
const char* d_errstr(int errnum);

// The same as a short sentence.
const char* d_errdesc(int errnum);

// printf("opening failed: " DF_RC "\n", DP_RC(rc));
#ifndef DF_RC
#define DF_RC "%s(%d): '%s'"
#define DP_RC(rc) d_errstr(rc), rc, d_errdesc(rc)
#endif

#ifdef __cplusplus
}
#endif

#endif
