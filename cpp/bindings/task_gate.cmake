scaler_module(_task_gate task_gate.cpp scaler/worker/agent worker)
