"""Submits tasks from within tasks: with a client that is passed along, and with one that the task makes.

Starts a local cluster of its own, of one worker: a task that waits for others makes room for them.
Usage: python examples/nested_client.py
"""

from scaler import Client, SchedulerClusterCombo


def fibonacci(client: Client, number: int) -> int:
    if number < 2:
        return number
    first = client.submit(fibonacci, client, number - 1)
    second = client.submit(fibonacci, client, number - 2)
    return first.result() + second.result()


def count_digits(numbers: list[int]) -> int:
    with Client() as own_client:  # without an address: the scheduler of the worker that runs this
        digits = own_client.map(str, [(number,) for number in numbers])
    return sum(len(text) for text in digits)


with (
    SchedulerClusterCombo(n_workers=1, logging_level="WARNING") as cluster,
    Client(address=cluster.get_address()) as client,
):
    print("the eighth Fibonacci number is", client.submit(fibonacci, client, 8).result())
    print("digits:", client.submit(count_digits, [7, 42, 1000]).result())
