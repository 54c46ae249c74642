package io.github.wandacuda.bench.cases;

import io.github.wandacuda.bench.common.Directories;
import io.github.wandacuda.bench.common.GgufMixtureFiles;
import io.github.wandacuda.bench.common.MixtureFiles;
import io.github.wandacuda.bench.common.ProgramRun;
import io.github.wandacuda.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Removes half of the experts of a generated mixture, by statistics, as a process. */
public final class ThinnedCase {
  private static final int TOKENS = 32;

  private final boolean gguf;
  private final Path model;
  private final Path statistics;
  private final Path kept;
  private final Path output;
  private final Path copied;
  private final Program program;
  private JsonNode report;

  /**
   * Writes the mixture and its statistics, removes experts once, and has the program verify that.
   *
   * @param directory where all of it goes
   * @param jar the program
   * @param mixture what {@link MixtureFiles} or {@link GgufMixtureFiles} takes
   */
  public ThinnedCase(Path directory, Path jar, String mixture) {
    gguf = mixture.startsWith(GgufMixtureFiles.KIND);
    model = directory.resolve(gguf ? "model.gguf" : "model");
    statistics = directory.resolve("statistics.safetensors");
    kept = directory.resolve("kept");
    output = directory.resolve("output");
    copied = directory.resolve("copied");
    program = new Program(directory, jar);
    Path samples = directory.resolve("samples.json");
    if (gguf) {
      new GgufMixtureFiles(mixture).write(model);
    } else {
      new MixtureFiles(mixture).write(model);
    }
    MixtureFiles.writeSamples(samples, 1, TOKENS);
    run("calibrate --experts --samples 1", "--calibration", samples, "--output", statistics);
    prune();
    run("verify", "--dense", model, "--pruned", written());
    Directories.move(output, kept);
  }

  private ProgramRun.Ended run(String command, Object... options) {
    return program.run(words(command, options));
  }

  private List<String> words(String command, Object... options) {
    List<String> words = new ArrayList<>(List.of(command.split(" ")));
    for (Object option : options) {
      words.add(option.toString());
    }
    if (!words.contains("verify")) {
      words.addAll(List.of("--model", model.toString(), "--backend", "cpu"));
    }
    words.addAll(List.of("--json", "--quiet"));
    return words;
  }

  private List<String> pruning() {
    return words(
        "prune --structure experts --sparsity 0.5 --no-verify",
        "--statistics",
        statistics,
        "--output",
        written());
  }

  /** Returns the smaller model: a folder, or a file in it. */
  private Path written() {
    return gguf ? output.resolve("smaller.gguf") : output;
  }

  private double prune() {
    ProgramRun.Ended ended = program.run(pruning());
    report = ended.json();
    return ended.seconds();
  }

  /** Returns the seconds of a whole process without a check, until all is on the device. */
  public double pruneToDevice() {
    double unused = program.sync();
    return prune() + program.sync();
  }

  /** Returns the seconds from a process's first shard on, until all is on the device. */
  public double writeToDevice() {
    double unused = program.sync();
    return program.secondsOfWriting(pruning(), output) + program.sync();
  }

  /** Returns the seconds of {@code cp -r} of what is kept, until all is on the device. */
  public double copyToDevice() {
    double unused = program.sync();
    return program.other(List.of("cp", "-r", kept.toString(), copied.toString())).seconds()
        + program.sync();
  }

  /** Returns the bytes of what is kept. */
  public long bytes() {
    return report.required("bytes_after").longValue();
  }

  /** Returns the most anonymous memory of the latest run, in bytes. */
  public long peakMemory() {
    return report.required("peak_anonymous_bytes").longValue();
  }

  /** Returns where runs write to. */
  public Path output() {
    return output;
  }

  /** Returns where copies go. */
  public Path copied() {
    return copied;
  }
}
