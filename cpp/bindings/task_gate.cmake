scaler_module(_task_gate task_gate.cpp scaler/worker/agent worker)
# Our warnings are for our code: nanobind's own headers do not pass -Wshadow.
get_target_property(nanobind_headers nanobind-static INTERFACE_INCLUDE_DIRECTORIES)
target_include_directories(_task_gate SYSTEM BEFORE PRIVATE ${nanobind_headers})
