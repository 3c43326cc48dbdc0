scaler_module(_codec codec.cpp scaler/protocol protocol)
target_sources(
  _codec
  PRIVATE
    codec_any.cpp
    codec_enums.cpp
    codec_graph_task.cpp
    codec_messages.cpp
    codec_task.cpp
    codec_task_result.cpp
    codec_values.cpp
)
