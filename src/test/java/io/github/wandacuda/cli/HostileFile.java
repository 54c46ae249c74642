package io.github.wandacuda.cli;

import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Words;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * A command on a file that somebody broke.
 *
 * @param name what is wrong with it
 * @param said what the error has to say
 * @param command makes the file in a folder of its own and returns the command's words
 */
record HostileFile(String name, String said, Command command) {

  /** Makes files and says how they are used. */
  @FunctionalInterface
  interface Command {
    /** Returns a command's words. */
    List<String> in(Path folder) throws IOException;
  }

  /** A change to a directory. */
  @FunctionalInterface
  interface Change {
    void to(Path directory) throws IOException;
  }

  /** A model of which {@code change} breaks something, looked at by {@code inspect}. */
  static HostileFile inspected(String name, String said, Change change) {
    return new HostileFile(name, said, folder -> inspect(broken(folder, change)));
  }

  /** A model of which {@code change} breaks something, pruned from good statistics. */
  static HostileFile pruned(String name, String said, Change change) {
    return new HostileFile(
        name,
        said,
        folder ->
            words(
                "prune --model %s --output %s --statistics %s --backend cpu --quiet",
                broken(folder, change),
                folder.resolve("out"),
                TestData.GOLDEN.resolve("wanda-50.statistics.safetensors")));
  }

  /** The bundled model, pruned with a statistics file that {@code change} makes. */
  static HostileFile statistics(String name, String said, Change change) {
    return used(name, said, "--statistics", "statistics.safetensors", change);
  }

  /** The bundled model, calibrated with a file of this name that {@code change} makes. */
  static HostileFile calibration(String name, String said, String file, Change change) {
    return used(name, said, "--calibration", file, change);
  }

  private static HostileFile used(
      String name, String said, String option, String file, Change change) {
    return new HostileFile(
        name,
        said,
        folder -> {
          change.to(folder.resolve(file));
          return words(
              "prune --model %s --output %s %s %s --backend cpu --samples 2 --sequence-length 64 "
                  + "--quiet",
              TestData.TINY_LLAMA, folder.resolve("out"), option, folder.resolve(file));
        });
  }

  /** A model of which {@code change} breaks something, whose perplexity on a text is asked for. */
  static HostileFile tokenized(String name, String said, Change change) {
    return new HostileFile(
        name,
        said,
        folder ->
            words(
                "perplexity --model %s --text testdata/text/heldout.txt --backend cpu --quiet",
                broken(folder, change)));
  }

  /** A decoder family's fixture with something else in its config, run on the fixture's tokens. */
  static HostileFile family(String family, String name, String said, String from, String to) {
    Path fixture = TestData.fixture(family);
    return new HostileFile(
        family + ": " + name,
        said,
        folder -> {
          Path model = TestData.copy(fixture.resolve("model"), folder.resolve("model"));
          replace(model.resolve("config.json"), from, to);
          return words(
              "perplexity --model %s --tokens %s --backend cpu --quiet",
              model, fixture.resolve("tokens.json"));
        });
  }

  /** Puts other text into a file, which has to hold the one that goes. */
  static void replace(Path file, String from, String to) throws IOException {
    String text = Files.readString(file);
    if (!text.contains(from)) {
      throw new IllegalArgumentException("%s has no %s".formatted(file, from));
    }
    Files.writeString(file, text.replace(from, to));
  }

  /** Sets a file's length; what is new reads as zeros and takes no room. */
  static void extend(Path file, long length) throws IOException {
    try (RandomAccessFile access = new RandomAccessFile(file.toFile(), "rw")) {
      access.setLength(length);
    }
  }

  static List<String> inspect(Path model) {
    return words("inspect --model %s --quiet", model);
  }

  private static List<String> words(String line, Object... values) {
    return List.of(Words.texts(Words.of(line, values)));
  }

  private static Path broken(Path folder, Change change) throws IOException {
    Path model = TestData.copy(TestData.TINY_LLAMA, folder.resolve("model"));
    change.to(model);
    return model;
  }

  @Override
  public String toString() {
    return name;
  }
}
