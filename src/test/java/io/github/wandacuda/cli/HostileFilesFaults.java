package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.FaultCounts;
import io.github.wandacuda.testing.ProcessOutcome;
import io.github.wandacuda.testing.SafetensorsBytes;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Within;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.assertj.core.api.SoftAssertions;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Isolated;

/** Every file of the corpus ends in one line and exit code 3, in little memory and soon. */
@Isolated
class HostileFilesFaults {
  private static final int BAD_INPUT = 3;
  private static final String HEAP = "-Xmx256m";
  private static final long LONGEST_MILLIS = 60_000;
  private static final long SECONDS = 500;

  private static int refused;

  @TempDir Path directory;

  @AfterAll
  static void count() {
    FaultCounts.add(refused, "malformed files refused");
  }

  private static List<String> java(String... more) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(HEAP, "--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED"));
    command.addAll(List.of(more));
    return command;
  }

  @Test
  void eachIsRefusedInOneLine() throws IOException {
    List<HostileFile> corpus = HostileCorpus.all();
    List<String> command =
        java("-cp", System.getProperty("java.class.path"), HostileRuns.class.getName());
    for (int index = 0; index < corpus.size(); index++) {
      Path folder = Files.createDirectory(directory.resolve("case" + index));
      Path words = folder.resolve("words");
      Files.write(words, corpus.get(index).command().in(folder));
      command.add(words.toString());
    }
    ProcessOutcome outcome = ProcessOutcome.of(command, SECONDS);
    assertThat(outcome.exitCode()).as(outcome.output()).isZero();
    SoftAssertions all = new SoftAssertions();
    for (int index = 0; index < corpus.size(); index++) {
      check(all, corpus.get(index), directory.resolve("case" + index));
    }
    all.assertAll();
    refused += corpus.size();
  }

  private static void check(SoftAssertions all, HostileFile file, Path folder) throws IOException {
    List<String> lines = Files.readAllLines(folder.resolve("words.outcome"));
    String[] numbers = lines.get(0).split(" ");
    List<String> said = lines.subList(1, lines.size());
    all.assertThat(numbers[0]).as("%s: %s", file, said).isEqualTo(Integer.toString(BAD_INPUT));
    all.assertThat(Long.parseLong(numbers[1])).as(file.name()).isLessThan(LONGEST_MILLIS);
    all.assertThat(said).as(file.name()).hasSize(1);
    all.assertThat(String.join(" / ", said))
        .as(file.name())
        .startsWith("wanda-cuda: ")
        .contains(file.said())
        .doesNotContain("Exception", "Error")
        .hasSizeLessThan(1_000);
    Path output = folder.resolve("out");
    all.assertThat(output.resolve("config.json")).as(file.name()).doesNotExist();
  }

  private Cli.Result inLittleMemory(Object... words) {
    ProcessBuilder command = Cli.command(words);
    command.command().add(1, HEAP);
    return Cli.run(command);
  }

  private static void assertRefused(Cli.Result result, String... said) {
    assertThat(result.exitCode()).as(result.err()).isEqualTo(BAD_INPUT);
    assertThat(result.errorLines()).singleElement().asString().contains(said);
    refused++;
  }

  /** Writes a checkpoint of a million tensors of a byte. */
  private Path million(String lastName) throws IOException {
    int count = 1_000_000;
    StringBuilder header = new StringBuilder("{");
    for (int index = 0; index < count; index++) {
      String name = index == count - 1 ? lastName : "t" + index;
      header
          .append('"')
          .append(name)
          .append("\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[")
          .append(index)
          .append(',')
          .append(index + 1)
          .append("]},");
    }
    header.setCharAt(header.length() - 1, '}');
    byte[] json = header.toString().getBytes(StandardCharsets.UTF_8);
    ByteBuffer bytes = ByteBuffer.allocate(8 + json.length + count).order(ByteOrder.LITTLE_ENDIAN);
    Files.write(
        directory.resolve("model.safetensors"), bytes.putLong(json.length).put(json).array());
    Files.writeString(directory.resolve("config.json"), "{}");
    return directory;
  }

  @Test
  void aMillionTensorsAreReadInLittleMemory() throws IOException {
    Cli.Result result = inLittleMemory("inspect", "--model", million("last"), "--quiet", "--json");
    assertThat(result.exitCode()).as(result.err()).isZero();
    assertThat(result.json().get("parameters").asLong()).isEqualTo(1_000_000);
  }

  @Test
  void aMillionTensorsTheLastOfThemTwice() throws IOException {
    assertRefused(
        inLittleMemory("inspect", "--model", million("t0"), "--quiet"),
        "tensor t0: expected one entry");
  }

  /** A snapshot of a Hugging Face cache is a folder of links, and has to go on working. */
  @Test
  void aSnapshotOfACacheIsRead() throws IOException {
    Path cache = Files.createDirectories(directory.resolve("models--owner--tiny"));
    Path blobs = Files.createDirectory(cache.resolve("blobs"));
    Path snapshot = Files.createDirectories(cache.resolve("snapshots/0123"));
    for (String name : TestData.names(TestData.TINY_LLAMA)) {
      Files.copy(TestData.TINY_LLAMA.resolve(name), blobs.resolve("blob-" + name));
      Files.createSymbolicLink(snapshot.resolve(name), Path.of("../../blobs/blob-" + name));
    }
    Path output = directory.resolve("out");
    Cli.Result result =
        Cli.run(
            "prune",
            "--model",
            snapshot,
            "--output",
            output,
            "--backend",
            "cpu",
            "--statistics",
            TestData.GOLDEN.resolve("wanda-50.statistics.safetensors"),
            "--quiet");
    assertThat(result.exitCode()).as(result.err()).isZero();
    try (Stream<Path> files = Files.list(output)) {
      assertThat(files.filter(Files::isSymbolicLink)).isEmpty();
    }
  }

  /** Cuts the source while it is read: half of it is gone when the output's shard shows. */
  @Test
  void aSourceThatShrinksDuringTheRun() throws Exception {
    Path model = Files.createDirectory(directory.resolve("model"));
    int rows = 2048;
    SafetensorsBytes shard = new SafetensorsBytes();
    for (int layer = 0; layer < 12; layer++) {
      shard.f32("model.layers." + layer + ".mlp.up_proj.weight", rows, 1024);
    }
    Path file = shard.write(model.resolve("model.safetensors"));
    Files.writeString(model.resolve("config.json"), "{}");
    Path output = directory.resolve("out");
    Process process =
        Cli.command(
                "prune",
                "--model",
                model,
                "--output",
                output,
                "--method",
                "magnitude",
                "--backend",
                "cpu",
                "--quiet")
            .redirectErrorStream(true)
            .redirectOutput(directory.resolve("said").toFile())
            .start();
    while (process.isAlive() && !Files.exists(output)) {
      Thread.sleep(1);
    }
    try (RandomAccessFile access = new RandomAccessFile(file.toFile(), "rw")) {
      access.setLength(access.length() / 2);
    }
    int exitCode = Within.exitCode(process);
    String said = Files.readString(directory.resolve("said"));
    assertThat(exitCode).as(said).isEqualTo(BAD_INPUT);
    assertThat(said).contains("model.safetensors: expected ", "as when the run began, found");
    assertThat(output.resolve("config.json")).doesNotExist();
    refused++;
  }
}
