"""One instance of the service: loads a function with its arguments, calls it, and writes the result."""

import os
import pickle
import sys

import cloudpickle

payload = sys.stdin.buffer.read()
output = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)  # what the function prints is not the result
try:
    function, *arguments = pickle.loads(payload)
    answer = (True, cloudpickle.dumps(function(*arguments)))
except Exception as error:
    answer = (False, cloudpickle.dumps(error))
output.write(pickle.dumps(answer))
output.close()
