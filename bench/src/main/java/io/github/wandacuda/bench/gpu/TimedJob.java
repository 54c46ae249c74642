package io.github.wandacuda.bench.gpu;

import io.github.wandacuda.bench.common.ProgramRun;
import io.github.wandacuda.bench.common.Spread;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A command that makes a directory, run some times. */
final class TimedJob {
  private final Map<String, Object> labels;
  private final List<String> command;
  private final List<ProgramRun.Ended> runs = new ArrayList<>();
  private String failure = "";
  private boolean broken;

  /**
   * Starts without runs.
   *
   * @param labels what the row says that it is
   * @param command with its arguments
   */
  TimedJob(Map<String, Object> labels, List<String> command) {
    this.labels = new LinkedHashMap<>(labels);
    this.command = command;
  }

  /** Runs the command, unless it has failed before or can't be done in time. */
  void run(ProgramRun program, double secondsLeft) {
    double expected = runs.stream().mapToDouble(ProgramRun.Ended::seconds).max().orElse(0);
    if (!failure.isEmpty() || secondsLeft < 1.2 * expected) {
      return;
    }
    if (secondsLeft <= 0) {
      failure = "the phase's time was over";
      return;
    }
    try {
      runs.add(program.run(command, secondsLeft));
    } catch (ProgramRun.FailedException e) {
      failure = e.getMessage();
      broken = !e.isStopped();
    }
  }

  boolean hasRun() {
    return !runs.isEmpty();
  }

  /** Returns whether the command failed by itself. */
  boolean isBroken() {
    return broken;
  }

  /** Returns why the command didn't run, or an empty text. */
  String failure() {
    return failure;
  }

  Map<String, Object> labels() {
    return labels;
  }

  /** Returns the seconds of all runs. */
  Spread seconds() {
    return Spread.of(runs.stream().mapToDouble(ProgramRun.Ended::seconds).toArray());
  }

  int count() {
    return runs.size();
  }

  ProgramRun.Ended last() {
    return runs.get(runs.size() - 1);
  }

  /** Returns the different hashes of the masks that the runs made. */
  List<String> maskHashes() {
    return runs.stream().map(run -> run.json().path("mask_sha256").asText()).distinct().toList();
  }

  /** Returns the directory that the command makes, by its last argument. */
  Path output() {
    return Path.of(command.get(command.size() - 1));
  }
}
