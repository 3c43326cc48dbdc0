@0xf57f79ac88fab620;
# Types shared by every message. Fields after the marker "additions" are ours; see docs/protocol.md.

enum TaskResultType {
  success @0;
  failed @1;
  failedWorkerDied @2;
}

enum TaskCancelConfirmType {
  canceled @0;
  cancelFailed @1;
  cancelNotFound @2;
}

enum TaskTransition {
  hasCapacity @0;
  taskResultSuccess @1;
  taskResultFailed @2;
  taskResultWorkerDied @3;
  taskCancel @4;
  taskCancelConfirmCanceled @5;
  taskCancelConfirmFailed @6;
  taskCancelConfirmNotFound @7;
  balanceTaskCancel @8;
  workerDisconnect @9;
  schedulerHasTask @10;
  schedulerHasNoTask @11;
}

enum TaskState {
  inactive @0;
  running @1;
  canceling @2;
  balanceCanceling @3;
  success @4;
  failed @5;
  failedWorkerDied @6;
  canceled @7;
  canceledNotFound @8;
  balanceCanceled @9;
  workerDisconnecting @10;
}

enum WorkerState {
  connected @0;
  disconnected @1;
}

# additions
enum TaskEndCause {
  none @0;
  exception @1;          # the function raised
  processorDied @2;      # the processor was killed or exited under the task
  workerLost @3;         # the worker was lost, and no attempt was left
  timedOut @4;           # one run took longer than its limit
  deadlineMissed @5;     # not started before its deadline
  objectUnavailable @6;  # a function, argument or result could not be moved or decoded
  rejected @7;           # the scheduler refused the task
  retryable @8;          # the function raised an exception that its task may be tried again after
}

struct TaskCapability {
  name @0 :Text;
  value @1 :Int64;
}

struct ObjectMetadata {
  objectIds @0 :List(Data);
  objectTypes @1 :List(ObjectContentType);
  objectNames @2 :List(Data);

  enum ObjectContentType {
    serializer @0;
    object @1;
  }
}

struct ObjectStorageAddress {
  host @0 :Text;
  port @1 :UInt16;
}
