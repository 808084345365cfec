"""The emulator command: what it prints works, and it ends when it is told to."""

import signal
import subprocess

from azure.storage.blob import BlobServiceClient

from program import KEY, clean_environment, binary, emulator, outputfs


def test_it_prints_an_endpoint_a_connection_string_and_what_to_type_next(server):
    assert f"Blob endpoint: {server.blob_endpoint} (in memory)" in server.greeting
    assert f"export AZURE_STORAGE_CONNECTION_STRING='{server.connection_string}'" in server.greeting
    assert "outputfs mount" in server.greeting


def test_the_connection_string_works_for_the_python_sdk(server):
    service = BlobServiceClient.from_connection_string(server.connection_string)
    service.create_container("from-python").upload_blob("a/b.txt", b"hello")
    assert service.get_blob_client("from-python", "a/b.txt").download_blob().readall() == b"hello"


def test_sigterm_and_sigint_end_it_with_success():
    for number in [signal.SIGTERM, signal.SIGINT]:
        with emulator() as running:
            running.process.send_signal(number)
            assert running.process.wait(10) == 0


def test_without_account_it_has_the_well_known_one():
    process = subprocess.Popen(
        [binary(), "emulator", "--listen", "127.0.0.1:0"], env=clean_environment(), stdout=subprocess.PIPE, text=True
    )
    try:
        assert "/devstoreaccount1 (in memory)" in process.stdout.readline()
    finally:
        process.terminate()
        process.wait(10)


def test_accounts_come_from_a_file_and_out_of_the_process_list(tmp_path):
    file = tmp_path / "accounts"
    file.write_text(f"one:{KEY}\ntwo:{KEY}\n")
    with emulator("--account-file", str(file)) as running:
        connection = running.connection_string.replace("farm", "two")
        assert list(BlobServiceClient.from_connection_string(connection).list_containers()) == []


def test_what_was_acknowledged_survives_a_kill(tmp_path):
    data = tmp_path / "data"
    with emulator("--data", str(data)) as running:
        service = BlobServiceClient.from_connection_string(running.connection_string)
        service.create_container("kept").upload_blob("a", b"bytes")
        running.process.kill()
        running.process.wait()
    with emulator("--data", str(data)) as running:
        service = BlobServiceClient.from_connection_string(running.connection_string)
        assert service.get_blob_client("kept", "a").download_blob().readall() == b"bytes"


def test_a_port_that_is_taken_is_named(server):
    taken = server.endpoint.removeprefix("http://")
    ended = outputfs("emulator", "--listen", taken)
    assert ended.status == 73
    assert taken in ended.err and "127.0.0.1:0" in ended.err


def test_a_data_directory_that_cannot_be_is_named(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    ended = outputfs("emulator", "--listen", "127.0.0.1:0", "--data", file / "below")
    assert ended.status == 73
    assert str(file) in ended.err
