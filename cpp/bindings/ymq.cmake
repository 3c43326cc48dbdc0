scaler_module(_ymq ymq.cpp scaler/io/ymq ymq)
target_sources(
  _ymq
  PRIVATE
    "${CMAKE_CURRENT_LIST_DIR}/ymq_bytes.cpp" "${CMAKE_CURRENT_LIST_DIR}/ymq_context.cpp"
    "${CMAKE_CURRENT_LIST_DIR}/ymq_enums.cpp" "${CMAKE_CURRENT_LIST_DIR}/ymq_exception.cpp"
    "${CMAKE_CURRENT_LIST_DIR}/ymq_payload.cpp" "${CMAKE_CURRENT_LIST_DIR}/ymq_released.cpp"
    "${CMAKE_CURRENT_LIST_DIR}/ymq_socket.cpp"
)
# Optimise for speed; nanobind's own choice is size.
target_compile_options(_ymq PRIVATE $<$<NOT:$<CONFIG:Debug>>:-O2>)
# Our warnings are for our code: nanobind's own headers do not pass -Wshadow.
get_target_property(nanobind_headers nanobind-static INTERFACE_INCLUDE_DIRECTORIES)
target_include_directories(_ymq SYSTEM BEFORE PRIVATE ${nanobind_headers})
# Nothing but the module's entry point leaves it.
file(WRITE "${CMAKE_CURRENT_BINARY_DIR}/ymq.exports" "{ global: PyInit__ymq; local: *; };\n")
target_link_options(_ymq PRIVATE "LINKER:--version-script=${CMAKE_CURRENT_BINARY_DIR}/ymq.exports")
