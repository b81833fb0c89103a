"""Completions as the shells themselves make them; zsh and fish only read theirs, where they are installed."""
import os
import re
import shutil
import subprocess

from harness import run

for name in ("bash", "zsh", "fish"):
    open(f"miaudit.{name}", "w").write(run("completion", name).stdout)
    if shutil.which(name):
        subprocess.run([name, "-n", f"miaudit.{name}"], check=True)
assert r"Metrics of anybody'\''s scores" in open("miaudit.zsh").read()
assert r"Metrics of anybody\'s scores" in open("miaudit.fish").read()
os.makedirs("a folder")
open("outputs 1.npy", "w").close()


def completed(*words):
    """What bash offers for the last of `words`, through the function that `complete` names."""
    script = ('source ./miaudit.bash; function=$(complete -p miaudit | sed "s/.*-F \\([^ ]*\\) .*/\\1/")\n'
              'COMP_WORDS=(miaudit "$@"); COMP_CWORD=$#; COMP_LINE="${COMP_WORDS[*]}"; COMP_POINT=${#COMP_LINE}\n'
              '"$function" miaudit "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"\n'
              'for reply in "${COMPREPLY[@]}"; do printf "%s\\n" "$reply"; done')
    done = subprocess.run(["bash", "--norc", "-c", script, "bash", *words], capture_output=True, text=True, check=True)
    assert done.stderr == "", done.stderr
    return sorted(done.stdout.splitlines())


FORMS = ["log-probabilities", "logits", "probabilities"]
assert completed("au") == ["audit"]
assert {"audit", "demo", "--version"} <= set(completed(""))
assert completed("audit", "--nonm") == ["--nonmember-labels", "--nonmembers"]
assert completed("audit", "--input", "") == FORMS
assert completed("audit", "--input", "p") == ["probabilities"]
assert completed("audit", "--input", "=") == FORMS and completed("audit", "--input", "=", "lo") == FORMS[:2]
assert completed("audit", "--on-nonfinite", "") == ["drop", "refuse"]
assert completed("audit", "--population-per-class", "") == ["no", "yes"]
assert completed("audit", "--attacks", "ma") == ["malt", "margin", "max_probability"]
assert completed("audit", "--attacks", "loss,ma") == ["loss,malt", "loss,margin", "loss,max_probability"]
assert "all" in completed("audit", "--attacks", "") and "all" not in completed("predict", "--attack", "")
assert completed("audit", "--members", "out") == ["outputs 1.npy"]
assert completed("audit", "--out", "") == ["a folder"]
assert "outputs 1.npy" in completed("measure", "") and "outputs 1.npy" in completed("measure", "--groups", "")
assert completed("list", "") == ["architectures", "attacks", "metrics", "presets", "signals"]
assert completed("train", "--architecture", "cn") == ["cnn", "cnn-small"]
assert completed("train", "--preset", "t") == ["tables", "trees"]
assert completed("train", "--queries", "") == ["1", "18", "2"]
assert completed("completion", "") == ["bash", "fish", "zsh"]
assert completed("audit", "--seed", "") == []
assert "--seed" in completed("demo", "--quiet", "")

# Every option of every verb is offered.
for verb in completed(""):
    if not verb.startswith("-"):
        # A line of the help begins with --option=default, or --option,--no-option{false}.
        told = {name for line in run(verb, "--help").stdout.splitlines() for word in line.split()[:1]
                if word.startswith("--") for name in re.sub("=.*|{[^}]*}", "", word).split(",")}
        assert told <= set(completed(verb, "--")), (verb, told)
