package io.github.wandacuda.cli.archive;

import io.github.wandacuda.cli.WandaCuda;
import io.github.wandacuda.cli.console.PrintableStream;
import io.github.wandacuda.cli.console.Stderr;
import io.github.wandacuda.system.ThisRuntime;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;

/**
 * Runs commands on a small model, so that the JVM knows which classes they use. The CPU does the
 * work: other devices' drivers load libraries, and what they need at the start is little.
 */
public final class Training {
  private Training() {}

  /**
   * Runs them and ends the process.
   *
   * @param args an empty directory
   */
  public static void main(String[] args) throws IOException {
    Locale.setDefault(Locale.ROOT);
    if (!ThisRuntime.load("jdk.incubator.vector")) {
      System.exit(1);
    }
    Path directory = Path.of(args[0]);
    SmallModel model = new SmallModel(directory.resolve("model"));
    model.write();
    String samples = model.writeSamples(directory.resolve("samples.json")).toString();
    String dense = model.directory().toString();
    String norms = directory.resolve("norms.safetensors").toString();
    String pruned = directory.resolve("pruned").toString();
    run("calibrate", "--model", dense, "--calibration", samples, "--output", norms);
    run("prune", "--model", dense, "--statistics", norms, "--output", pruned, "--json");
    System.exit(0);
  }

  private static void run(String... words) {
    Stderr err =
        new Stderr(
            new PrintableStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8));
    String[] args = Arrays.copyOf(words, words.length + 2);
    args[words.length] = "--backend";
    args[words.length + 1] = "cpu";
    int exitCode = new WandaCuda(OutputStream.nullOutputStream(), err).run(args);
    if (exitCode != 0) {
      System.exit(exitCode);
    }
  }
}
