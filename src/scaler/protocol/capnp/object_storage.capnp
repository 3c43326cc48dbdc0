@0xc2a14174aa42a12a;
# Headers of the object storage protocol; the payload follows in a frame of its own.
# Fields after the marker "additions" are ours; see docs/protocol.md.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("scaler::protocol");

struct ObjectID {
  field0 @0 :UInt64;
  field1 @1 :UInt64;
  field2 @2 :UInt64;
  field3 @3 :UInt64;
}

struct ObjectRequestHeader {
  objectID @0 :ObjectID;
  payloadLength @1 :UInt64;
  requestID @2 :UInt64;
  requestType @3 :ObjectRequestType;

  # additions
  timeoutMilliseconds @4 :UInt32;  # of a get or duplicate that waits, 0 = the server's default

  enum ObjectRequestType {
    setObject @0;
    getObject @1;
    deleteObject @2;
    duplicateObjectID @3;
    infoGetTotal @4;

    # additions
    deleteOwner @5;  # every object whose id begins with the first half of this one; its second half is zero
  }
}

struct ObjectResponseHeader {
  objectID @0 :ObjectID;
  payloadLength @1 :UInt64;
  responseID @2 :UInt64;
  responseType @3 :ObjectResponseType;

  enum ObjectResponseType {
    setOK @0;
    getOK @1;
    delOK @2;
    delNotExists @3;
    duplicateOK @4;
    infoGetTotalOK @5;

    # additions
    storageFull @6;
    timedOut @7;
    overTCP @8;  # of the local channel only: the object can not travel here, ask again over TCP
  }
}
