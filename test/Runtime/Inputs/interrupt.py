"""Runs a command in a folder, interrupts it after a moment, and fails unless it ended by that and left no file."""
import os, signal, subprocess, sys, time

folder, command = sys.argv[1], sys.argv[2:]
process = subprocess.Popen(command, cwd=folder)
time.sleep(0.7)
if process.poll() is not None:
    sys.exit("the command ended by itself")
process.send_signal(signal.SIGINT)
code = process.wait(timeout=10)
left = os.listdir(folder)
if code != 128 + signal.SIGINT or left:
    sys.exit(f"exit code {code}, files left: {left}")
