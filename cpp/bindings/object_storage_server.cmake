scaler_module(object_storage_server object_storage_server.cpp scaler/object_storage object_storage)
# Our warnings are for our code: nanobind's own headers do not pass -Wshadow.
get_target_property(nanobind_headers nanobind-static INTERFACE_INCLUDE_DIRECTORIES)
target_include_directories(object_storage_server SYSTEM BEFORE PRIVATE ${nanobind_headers})
