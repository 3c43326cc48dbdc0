scaler_module(_ymq ymq.cpp scaler/io/ymq ymq)
target_sources(
  _ymq
  PRIVATE ymq_bytes.cpp
          ymq_context.cpp
          ymq_enums.cpp
          ymq_exception.cpp
          ymq_log.cpp
          ymq_memory_file.cpp
          ymq_payload.cpp
          ymq_poller.cpp
          ymq_released.cpp
          ymq_socket.cpp
)
