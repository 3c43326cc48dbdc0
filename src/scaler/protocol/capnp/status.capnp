@0xa4dfa1212ad2d0f0;
# What the monitor stream reports. Fields after the marker "additions" are ours; see docs/protocol.md.

using CommonType = import "common.capnp";

struct Resource {
  cpu @0 :UInt16;  # tenths of a percent of one core, at most 1000
  rss @1 :UInt64;  # bytes
}

struct ObjectManagerStatus {
  numberOfObjects @0 :UInt32;
}

struct ClientManagerStatus {
  clientToNumOfTask @0 :List(Pair);

  struct Pair {
    client @0 :Data;
    numTask @1 :UInt32;
  }
}

struct TaskManagerStatus {
  stateToCount @0 :List(Pair);  # live tasks and ends in one list

  # additions
  live @1 :List(Pair);              # how many tasks are in each state now
  ended @2 :List(Total);            # how many have ended in each state since the start
  unplaceable @3 :List(Shortage);   # what waits although no connected worker can ever run it

  struct Pair {
    state @0 :UInt8;
    count @1 :UInt32;
  }

  struct Total {  # addition
    state @0 :UInt8;
    count @1 :UInt64;
  }

  struct Shortage {  # addition
    capabilities @0 :List(CommonType.TaskCapability);  # what the tasks need, an amount of -1 is any
    tasks @1 :UInt32;                                  # how many
    waitsFor @2 :Text;                                 # in words
  }
}

struct ProcessorStatus {
  pid @0 :UInt32;
  initialized @1 :Bool;
  hasTask @2 :Bool;
  suspended @3 :Bool;
  resource @4 :Resource;
}

struct WorkerStatus {
  workerId @0 :Data;
  agent @1 :Resource;
  rssFree @2 :UInt64;
  free @3 :UInt32;
  sent @4 :UInt32;
  queued @5 :UInt32;
  suspended @6 :UInt8;
  lagUS @7 :UInt64;
  lastS @8 :UInt8;
  itl @9 :Text;
  processorStatuses @10 :List(ProcessorStatus);

  # additions
  draining @11 :Bool;  # it gets no new tasks and leaves when it has none
}

struct WorkerManagerStatus {
  workers @0 :List(WorkerStatus);
}

struct ScalingManagerStatus {
  workerGroups @0 :List(Pair);

  struct Pair {
    workerGroupID @0 :Data;
    workerIDs @1 :List(Data);
  }
}

struct BinderStatus {
  received @0 :List(Pair);
  sent @1 :List(Pair);

  struct Pair {
    client @0 :Text;
    number @1 :UInt32;
  }
}

struct MonitorStatus {  # addition
  published @0 :UInt64;         # messages to all subscribers before this one, since the start
  dropped @1 :UInt64;           # messages that did not reach a subscriber, because it did not read or has left
  subscribers @2 :UInt32;
  isSnapshot @3 :Bool;          # this message and the next ones tell a new subscriber all that is
  snapshotMessages @4 :UInt32;  # how many of the next ones
}
