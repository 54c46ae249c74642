package io.github.wandacuda.cli;

import static io.github.wandacuda.cli.HostileFile.family;
import static io.github.wandacuda.cli.HostileFile.inspected;
import static io.github.wandacuda.cli.HostileFile.tokenized;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.FaultCounts;
import io.github.wandacuda.testing.SafetensorsBytes;
import io.github.wandacuda.testing.Started;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Words;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
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

  @Test
  void eachIsRefusedInOneLine() throws IOException {
    List<HostileFile> corpus = HostileCorpus.all();
    List<Path> words = new ArrayList<>();
    for (int index = 0; index < corpus.size(); index++) {
      Path folder = Files.createDirectory(directory.resolve("case" + index));
      words.add(Files.write(folder.resolve("words"), corpus.get(index).command().in(folder)));
    }
    List<String> options =
        List.of(HEAP, "--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED");
    Command.main(options, HostileRuns.class, words).within(SECONDS).run().succeeds();
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

  private static Ended inLittleMemory(Object... words) {
    return Command.jar(words).withOptions(HEAP).run();
  }

  private static void assertRefused(Ended result, String... said) {
    assertThat(result.isRefused(BAD_INPUT, said).errorLines()).hasSize(1);
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
    Ended result =
        inLittleMemory("inspect", "--model", million("last"), "--quiet", "--json").succeeds();
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
    Cli.line(
            "prune --model %s --output %s --backend cpu --statistics %s --quiet",
            snapshot, output, TestData.GOLDEN.resolve("wanda-50.statistics.safetensors"))
        .succeeds();
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
    Ended ended;
    try (Started process =
        Command.jar(
                Words.of(
                    "prune --model %s --output %s --method magnitude --backend cpu --quiet",
                    model, output))
            .start()) {
      process.awaitFile(output);
      HostileFile.extend(file, Files.size(file) / 2);
      ended = process.end();
    }
    ended.fails(BAD_INPUT, "model.safetensors: expected ", "as when the run began, found");
    assertThat(output.resolve("config.json")).doesNotExist();
    refused++;
  }

  /** Files that nobody should be able to do harm with, each with what is to be said about it. */
  private static final class HostileCorpus {
    private HostileCorpus() {}

    static List<HostileFile> all() {
      return Stream.of(HostileCheckpoints.all(), HostileModels.all(), HostileSamples.all())
          .flatMap(List::stream)
          .toList();
    }
  }

  /** Configs and tokenizers that nobody should be able to do harm with. */
  private static final class HostileModels {
    /**
     * Family or the bundled model, name, what has to be said, and what is changed to what in the
     * config.
     */
    private static final String CHANGES =
        """
        tiny | a negative size | hidden_size | "hidden_size": 128 | "hidden_size": -128
        tiny | a fraction as size | hidden_size | "hidden_size": 128 | "hidden_size": 128.5
        tiny | a text as size | hidden_size | "hidden_size": 128 | "hidden_size": "128"
        tiny | a huge size | hidden_size | "hidden_size": 128 | "hidden_size": 99999999999
        tiny | another size | expected shape | "hidden_size": 128 | "hidden_size": 256
        tiny | no layers | num_hidden_layers | "num_hidden_layers": 6 | "num_hidden_layers": 0
        tiny | a billion layers | MOST | "num_hidden_layers": 6 | "num_hidden_layers": 1000000000
        tiny | an infinite base | rope_theta | "rope_theta": 10000.0 | "rope_theta": 1e999
        tiny | a negative epsilon | rms_norm_eps | "rms_norm_eps": 1e-05 | "rms_norm_eps": -1
        tiny | a billion heads | MOST | "num_attention_heads": 4 | "num_attention_heads": 1000000000
        tiny | heads of a billion | MOST | "hidden_size": 128 | "head_dim": 1000000000, "hidden_size": 128
        llama-mha | wide | MOST | "hidden_size": 32 | "hidden_size": 2000000000
        mixtral | a billion experts | MOST | "num_local_experts": 4 | "num_local_experts": 1000000000
        bloom | a billion heads | MOST | "n_head": 4 | "n_head": 1000000000
        bloom | a billion features | MOST | "hidden_size": 32 | "hidden_size": 1000000000
        opt | a billion positions | MOST | "max_position_embeddings": 96 | "max_position_embeddings": 1000000000
        gpt2 | a billion layers | MOST | "n_layer": 3 | "n_layer": 1000000000
        gpt2 | a large vocabulary | MOST | "vocab_size": 128 | "vocab_size": 2000000000
        """;

    private HostileModels() {}

    static List<HostileFile> all() {
      List<HostileFile> all = new ArrayList<>();
      all.addAll(configs());
      all.addAll(tokenizers());
      return all;
    }

    private static HostileFile config(String name, String said, String from, String to) {
      return tokenized(
          name, said, model -> HostileFile.replace(model.resolve("config.json"), from, to));
    }

    private static HostileFile configOf(String name, String said, String content) {
      return inspected(
          name, said, model -> Files.writeString(model.resolve("config.json"), content));
    }

    private static List<HostileFile> configs() {
      List<HostileFile> files = new ArrayList<>();
      for (String row : CHANGES.split("\n")) {
        String[] cells = row.replace("MOST", "of at most 134217728").split(" [|] ");
        files.add(
            cells[0].equals("tiny")
                ? config(cells[1], cells[2], cells[3], cells[4])
                : family(cells[0], cells[1], cells[2], cells[3], cells[4]));
      }
      files.addAll(broken());
      return files;
    }

    private static List<HostileFile> broken() {
      return List.of(
          configOf("no config", "config.json", ""),
          configOf("a list as config", "expected a JSON object", "[]"),
          configOf("a config that is cut", "not JSON", "{\"a\": "),
          configOf("a deep config", "not JSON", "{\"a\":" + "[".repeat(1_000_000)),
          configOf(
              "a config of 20 million numbers",
              "not JSON",
              "{\"a\":[" + "0,".repeat(20_000_000) + "0]}"),
          inspected(
              "a config of 3 GB",
              "not JSON",
              model -> {
                Files.delete(model.resolve("config.json"));
                HostileFile.extend(model.resolve("config.json"), 3L << 30);
              }));
    }

    private static HostileFile tokenizer(String name, String said, String from, String to) {
      return tokenized(
          "tokenizer: " + name,
          said,
          model -> HostileFile.replace(model.resolve("tokenizer.json"), from, to));
    }

    private static HostileFile charsmap(String name, String said, byte[] table) {
      return tokenized(
          "tokenizer: " + name,
          said,
          model -> {
            Path file = model.resolve("tokenizer.json");
            JsonMapper mapper = JsonMapper.builder().build();
            ObjectNode json = (ObjectNode) mapper.readTree(file.toFile());
            json.putObject("normalizer")
                .put("type", "Precompiled")
                .put("precompiled_charsmap", Base64.getEncoder().encodeToString(table));
            mapper.writeValue(file.toFile(), json);
          });
    }

    private static List<HostileFile> tokenizers() {
      byte[] wild =
          ByteBuffer.allocate(16)
              .order(ByteOrder.LITTLE_ENDIAN)
              .putInt(8)
              .putInt(0x7fff_feff)
              .putInt(0x7fff_fc00)
              .array();
      return List.of(
          charsmap("a charsmap that points beyond its end", "broke down on it", wild),
          charsmap("a charsmap without a table", "tokenizer.json", new byte[] {0, 0, 0, 0, 0}),
          tokenizer(
              "BPE without a vocabulary", "tokenizer.json", "\"vocab\":", "\"vocab\": {}, \"x\":"),
          tokenizer("an unknown model", "not a tokenizer", "\"BPE\"", "\"ABC\""),
          tokenized(
              "tokenizer: deep JSON",
              "tokenizer.json",
              model ->
                  Files.writeString(
                      model.resolve("tokenizer.json"), "{\"model\":" + "[".repeat(1_000_000))),
          tokenized(
              "tokenizer: 200 MB",
              "at most 100000000 bytes",
              model -> HostileFile.extend(model.resolve("tokenizer.json"), 200_000_000)),
          tokenized(
              "tokenizer: not UTF-8",
              "tokenizer.json",
              model ->
                  Files.write(
                      model.resolve("tokenizer.json"),
                      new byte[] {'{', '"', (byte) 0xff, '"', ':'})));
    }
  }
}
