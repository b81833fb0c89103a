"""A throw-away Slurm cluster of a few nodes on this machine's loopback, in a folder of its own. Needs root."""
import glob
import os
import signal
import socket
import subprocess
import time

CONFIGURATION = """\
ClusterName=miaudit
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket
SlurmctldPort={port}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
TmpFS={folder}/tmp.%n
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SwitchType=switch/none
MpiDefault=none
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
JobRequeue=1
ReturnToService=2
SlurmdTimeout=20
SlurmctldTimeout=10
MessageTimeout=30
BatchStartTimeout=60
KillWait=3
InactiveLimit=0
MinJobAge=300
AccountingStorageType=accounting_storage/none
{nodes}
PartitionName=all Nodes=ALL Default=YES MaxTime=60 State=UP
"""


def children(process):
    found = []
    for task in os.listdir(f"/proc/{process}/task"):
        with open(f"/proc/{process}/task/{task}/children", encoding="ascii") as file:
            for child in map(int, file.read().split()):
                found += [child, *children(child)]
    return found


class Cluster:
    """Nodes n1, n2, … of one core each; `with` starts and stops it."""

    def __init__(self, folder, nodes):
        self.folder, self.nodes, self.daemons = folder, nodes, {}
        self.configuration = f"{folder}/slurm.conf"

    def __enter__(self):
        for name in ("", "state", *(f"tmp.{n}" for n in self.names())):
            os.makedirs(f"{self.folder}/{name}", exist_ok=True)
        host = socket.gethostname().split(".")[0]
        base = 20000 + os.getpid() % 20000
        lines = [f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={base + 1 + i} CPUs=1 RealMemory=4000 "
                 "State=UNKNOWN" for i, name in enumerate(self.names())]
        with open(self.configuration, "w", encoding="ascii") as file:
            file.write(CONFIGURATION.format(host=host, folder=self.folder, port=base, nodes="\n".join(lines)))
        os.environ["SLURM_CONF"] = self.configuration
        self.start_munge()
        self.start("slurmctld", ["/usr/sbin/slurmctld", "-D", "-i", "-f", self.configuration])
        for name in self.names():
            self.start_node(name)
        self.wait(lambda: self.run("sinfo", "-h", "-N", "-o", "%T").split() == ["idle"] * self.nodes, "the nodes to be idle")
        return self

    def names(self):
        return [f"n{i + 1}" for i in range(self.nodes)]

    def start_munge(self):
        key = f"{self.folder}/munge.key"
        with open(key, "wb") as file:
            file.write(os.urandom(128))
        os.chmod(key, 0o600)
        subprocess.run(["chown", "munge:", self.folder, key], check=True)
        os.chmod(self.folder, 0o755)
        files = [f"--{what}-file={self.folder}/munge.{what}" for what in ("pid", "log", "seed")]
        self.start("munged", ["runuser", "-u", "munge", "--", "/usr/sbin/munged", "-F", "-f", f"--key-file={key}",
                              f"--socket={self.folder}/munge.socket", *files])
        self.wait(lambda: os.path.exists(f"{self.folder}/munge.socket"), "munge")

    def start(self, name, command):
        log = open(f"{self.folder}/{name}.out", "ab")  # the daemon keeps it
        self.daemons[name] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                              start_new_session=True)

    def start_node(self, name):
        self.start(name, ["/usr/sbin/slurmd", "-D", "-N", name, "-f", self.configuration])

    def crash_node(self, name):
        """Kills the node's daemon and all that runs on it, as a power cut would."""
        doomed = []
        for process in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{process}/comm", encoding="utf-8") as file:
                    if not file.read().startswith("slurmstepd"):
                        continue
                opened = [os.readlink(f"/proc/{process}/fd/{fd}") for fd in os.listdir(f"/proc/{process}/fd")]
                # The one thing that says whose step it is: the log of its node's daemon.
                if f"{self.folder}/slurmd.{name}.log" in opened:
                    doomed += [int(process), *children(process)]
            except OSError:
                pass
        self.daemons[name].kill()
        self.daemons[name].wait()
        for process in doomed:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass
        for left in glob.glob(f"{self.folder}/spool.{name}/*_*.*"):
            os.remove(left)
        return len(doomed)

    def run(self, *command):
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout

    def wait(self, is_so, what, seconds=90):
        end = time.monotonic() + seconds
        while True:
            try:
                if is_so():
                    return
            except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
                pass
            assert time.monotonic() < end, f"waited {seconds} s for {what}\n{self.state()}"
            time.sleep(0.2)

    def state(self):
        told = [self.run("squeue", "-r"), self.run("sinfo", "-N", "-l")]
        for process in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{process}/stat", encoding="utf-8") as stat, open(f"/proc/{process}/cmdline", "rb") as words:
                    if words.read().startswith(b"miaudit"):
                        told.append(stat.read())
            except OSError:
                pass
        for log in sorted(glob.glob(f"{self.folder}/*.log")):
            with open(log, encoding="utf-8", errors="replace") as file:
                told.append(f"{log}\n" + "".join(file.readlines()[-60:]))
        return "\n".join(told)

    def hurry(self):
        """Requeued elements wait two minutes unless told otherwise, and for ever where a busy machine was slow to start
        them."""
        for element in self.run("squeue", "-h", "-r", "-t", "PD", "-o", "%i").split():
            subprocess.run(["scontrol", "update", f"JobId={element}", "StartTime=now"], capture_output=True, check=False)
            subprocess.run(["scontrol", "release", element], capture_output=True, check=False)

    def __exit__(self, *_):
        subprocess.run(["scancel", "--user=root"], capture_output=True, check=False)
        time.sleep(1)
        for daemon in reversed(list(self.daemons.values())):
            daemon.terminate()
        for daemon in self.daemons.values():
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
