scaler_module(_codec codec.cpp scaler/protocol protocol)
target_sources(_codec PRIVATE codec_enums.cpp codec_messages.cpp codec_task.cpp codec_task_result.cpp codec_values.cpp)
# Optimise for speed; nanobind's own choice is size.
target_compile_options(_codec PRIVATE $<$<NOT:$<CONFIG:Debug>>:-O2>)
# Our warnings are for our code: nanobind's own headers do not pass -Wshadow.
get_target_property(nanobind_headers nanobind-static INTERFACE_INCLUDE_DIRECTORIES)
target_include_directories(_codec SYSTEM BEFORE PRIVATE ${nanobind_headers})
# Generated types have type information of default visibility; it stays inside, as pycapnp brings its own Cap'n Proto.
file(WRITE "${CMAKE_CURRENT_BINARY_DIR}/codec.exports" "{ global: PyInit__codec; local: *; };\n")
target_link_options(_codec PRIVATE "LINKER:--version-script=${CMAKE_CURRENT_BINARY_DIR}/codec.exports")
