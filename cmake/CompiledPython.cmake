# Compiles the Python modules that each task passes through, with mypyc: the same sources run uncompiled, only slower.
#
# All are in one library, scaler/_compiled__mypyc; each module is a shim that enters it. Python prefers the shim to the
# .py file beside it, which stays for tracebacks. See docs/architecture.md.

set(SCALER_COMPILED_PYTHON
    scaler.client.agent.core
    scaler.client.agent.dispatcher
    scaler.client.agent.object_registry
    scaler.client.agent.pending_graph
    scaler.client.agent.pending_task
    scaler.client.call_signature
    scaler.client.function_cache
    scaler.client.function_record
    scaler.client.function_stability
    scaler.client.nesting
    scaler.client.submission
    scaler.client.task_factory
    scaler.scheduler.allocate_policy.load_buckets
    scaler.scheduler.allocate_policy.needs
    scaler.scheduler.allocate_policy.worker_kinds
    scaler.scheduler.allocate_policy.worker_pool
    scaler.scheduler.allocate_policy.worker_record
    scaler.scheduler.controllers.balance_controller
    scaler.scheduler.controllers.client_controller
    scaler.scheduler.controllers.graph_controller
    scaler.scheduler.controllers.information_controller
    scaler.scheduler.controllers.live_tasks
    scaler.scheduler.controllers.monitor_controller
    scaler.scheduler.controllers.object_controller
    scaler.scheduler.controllers.shortage_controller
    scaler.scheduler.controllers.task_controller
    scaler.scheduler.controllers.task_endings
    scaler.scheduler.controllers.task_reporter
    scaler.scheduler.controllers.worker_controller
    scaler.scheduler.core
    scaler.scheduler.graph.graph_record
    scaler.scheduler.object_usage.object_tracker
    scaler.scheduler.outbox
    scaler.scheduler.task.deadlines
    scaler.scheduler.task.duration_estimator
    scaler.scheduler.task.monitor_state
    scaler.scheduler.task.task_end
    scaler.scheduler.task.task_kind
    scaler.scheduler.task.task_record
    scaler.scheduler.task.task_state_machine
    scaler.scheduler.task.waiting_queue
    scaler.utility.metadata.profile_result
    scaler.utility.restarts
    scaler.utility.serialization
    scaler.worker.agent.core
    scaler.worker.agent.feeding
    scaler.worker.agent.held_tasks
    scaler.worker.agent.outbox
    scaler.worker.agent.processor.agent_link
    scaler.worker.agent.processor.object_cache
    scaler.worker.agent.processor.task_loop
    scaler.worker.agent.processor.task_needs
    scaler.worker.agent.processor.task_objects
    scaler.worker.agent.processor.task_profiler
    scaler.worker.agent.processor.task_runner
    scaler.worker.agent.processor_seat
    scaler.worker.agent.scheduler_contact
    scaler.worker.agent.seats
    scaler.worker.agent.task_ends
)

set(source_dir "${CMAKE_CURRENT_SOURCE_DIR}/src")
set(output_dir "${CMAKE_CURRENT_BINARY_DIR}/compiled")
list(TRANSFORM SCALER_COMPILED_PYTHON REPLACE "\\." "/" OUTPUT_VARIABLE compiled_files)
list(TRANSFORM compiled_files PREPEND "${source_dir}/")
list(TRANSFORM compiled_files APPEND ".py")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${compiled_files} cmake/compile_python.py)

message(STATUS "Translating Python modules with mypyc")
execute_process(
  COMMAND "${Python_EXECUTABLE}" "${CMAKE_CURRENT_LIST_DIR}/compile_python.py" "${source_dir}" "${output_dir}"
          ${SCALER_COMPILED_PYTHON}
  RESULT_VARIABLE compile_result
)
if(NOT compile_result EQUAL 0)
  message(FATAL_ERROR "mypyc could not translate the Python modules; its last lines say why.")
endif()

# Makes an extension module of C files, installed where its dotted name says.
function(scaler_c_module name)
  string(REPLACE "." ";" parts "${name}")
  list(POP_BACK parts output_name)
  list(JOIN parts "/" destination)
  string(REPLACE "." "_" target "${name}")
  Python_add_library(${target} MODULE WITH_SOABI ${ARGN})
  set_target_properties(
    ${target} PROPERTIES OUTPUT_NAME "${output_name}" LIBRARY_OUTPUT_DIRECTORY "${output_dir}/${destination}"
  )
  # Warnings are for our code; what Python's own extensions rely on is not undefined to gcc with -fwrapv.
  if(MSVC)
    target_compile_options(${target} PRIVATE /w)
  else()
    target_compile_options(${target} PRIVATE -w -fwrapv $<$<NOT:$<CONFIG:Debug>>:-O2>)
    if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT APPLE)
      target_link_options(${target} PRIVATE -s)
    endif()
  endif()
  install(TARGETS ${target} LIBRARY DESTINATION "${destination}" COMPONENT python)
endfunction()

function(scaler_compiled_library name runtime_include_dir)
  scaler_c_module(${name} ${ARGN})
  string(REPLACE "." "_" target "${name}")
  target_include_directories(${target} PRIVATE "${runtime_include_dir}" "${output_dir}/c"
                             "${output_dir}/c/scaler")
endfunction()

function(scaler_compiled_module name)
  scaler_c_module(${name} ${ARGN})
endfunction()

include("${output_dir}/modules.cmake")
