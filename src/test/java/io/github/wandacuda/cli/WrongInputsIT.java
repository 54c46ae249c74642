package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.hub.HubCache;
import io.github.wandacuda.model.family.KnownFamilies;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.SafetensorsBytes;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Tier;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What people get wrong, as the table {@code wrong-inputs.txt} beside this class: the command, the
 * exit code, and the line, which says where, what is wrong, and what to do. Every fiftieth runs as
 * a process, with the profile all every tenth, the others in this one.
 */
class WrongInputsIT {
  private static final int EACH_AS_PROCESS = Tier.isAll() ? 10 : 50;
  private static final String CONFIG = "config.json";
  private static final String INDEX = "model.safetensors.index.json";
  private static final String SHARD = "model-00001-of-00003.safetensors";
  private static final String TOKENIZER = "tokenizer.json";
  private static final String POINTER =
      "version https://git-lfs.github.com/spec/v1\noid sha256:0000\nsize 3269816\n";
  private static final String PAGE = "<!DOCTYPE html>\n<html><body>Sign in</body></html>\n";

  @TempDir static Path files;
  @TempDir Path place;

  /** Returns a command, its exit code and its line for each case, and whether a process runs it. */
  static List<Arguments> table() throws IOException {
    List<Arguments> cases = new ArrayList<>();
    try (var in = WrongInputsIT.class.getResourceAsStream("wrong-inputs.txt")) {
      String command = null;
      for (String line : new String(in.readAllBytes(), StandardCharsets.UTF_8).lines().toList()) {
        if (line.startsWith("$ ")) {
          command = line.substring(2);
        } else if (!line.isBlank() && !line.startsWith("#")) {
          boolean process = cases.size() % EACH_AS_PROCESS == 0;
          cases.add(Arguments.of(process, command, line.substring(0, 1), line.substring(2)));
        }
      }
    }
    assertThat(cases).hasSizeGreaterThanOrEqualTo(100);
    return cases;
  }

  /** Puts in what the table abbreviates. */
  private String filled(String text) {
    return text.replace("{model}", TestData.TINY_LLAMA.toString())
        .replace("{norms}", TestData.GOLDEN.resolve("wanda-50.statistics.safetensors").toString())
        .replace("{text}", "testdata/text/heldout.txt")
        .replace("{families}", String.join(", ", KnownFamilies.modelTypes()))
        .replace("{cache}", HubCache.of(System.getenv()).root().toString())
        .replace("{files}", files.toString())
        .replace("{out}", place.resolve("out").toString());
  }

  @ParameterizedTest(name = "{1}")
  @MethodSource("table")
  void oneLineSaysWhatIsWrong(boolean process, String command, String exitCode, String line) {
    Object[] words = Stream.of(command.split(" ")).map(this::filled).toArray();
    Ended result = process ? Cli.run(words) : InProcess.run(words);
    assertThat(result.err().strip()).isEqualTo("wanda-cuda: " + filled(line));
    assertThat(result.exitCode()).isEqualTo(Integer.parseInt(exitCode));
    assertThat(result.out()).isEmpty();
    assertThat(place.resolve("out").resolve("config.json")).doesNotExist();
    assertThat(place.resolve("out").resolve("wanda-cuda.json")).doesNotExist();
    assertThat(files.resolve("file")).hasContent("not to be lost");
    assertThat(files.resolve("full/mine")).hasContent("not to be lost");
  }

  /** Copies the bundled model under a name that says what is wrong. */
  private static Path model(String name) {
    return TestData.copy(TestData.TINY_LLAMA, files.resolve(name));
  }

  private static Path without(String name, String file) throws IOException {
    Path model = model(name);
    Files.delete(model.resolve(file));
    return model;
  }

  /** Copies the bundled model with other content in a file. */
  private static void model(String name, String file, String content) throws IOException {
    Files.writeString(model(name).resolve(file), content);
  }

  private static void config(String name, String from, String to) throws IOException {
    TestData.replace(model(name).resolve(CONFIG), from, to);
  }

  /** Copies the bundled model without its weights. */
  private static Path withoutWeights(String name) throws IOException {
    Path model = model(name);
    for (String file : TestData.names(model)) {
      if (file.contains("safetensors")) {
        Files.delete(model.resolve(file));
      }
    }
    return model;
  }

  @BeforeAll
  static void writeModels() throws IOException {
    model("lfs-shard", SHARD, POINTER);
    model("page-shard", SHARD, PAGE);
    model("empty-shard", SHARD, "");
    without("no-shard", SHARD);
    try (RandomAccessFile cut =
        new RandomAccessFile(model("cut-shard").resolve(SHARD).toFile(), "rw")) {
      cut.setLength(cut.length() / 2);
    }
    model("gguf-shard", SHARD, "GGUF\3\0\0\0\0\0\0\0");
    model("zip-shard", SHARD, "PK\3\4abcdefgh");
    without("no-index", INDEX);
    model("lfs-index", INDEX, POINTER);
    model("bad-index", INDEX, "{\"weight_map\": ");
    model("empty-index", INDEX, "{\"weight_map\": {}}");
    withoutWeights("no-weights");
    Files.createFile(withoutWeights("pytorch").resolve("pytorch_model.bin"));
    Files.createFile(withoutWeights("gguf").resolve("tiny-Q4_K.gguf"));
    without("no-tokenizer", TOKENIZER);
    Files.createFile(without("tokenizer-model", TOKENIZER).resolve("tokenizer.model"));
    model("lfs-tokenizer", TOKENIZER, POINTER);
    without("no-config", CONFIG);
    model("lfs-config", CONFIG, POINTER);
    model("page-config", CONFIG, PAGE);
    model("empty-config", CONFIG, "");
    model("list-config", CONFIG, "[1]");
    model("cut-config", CONFIG, "{\"a\": ");
    config("other-family", "\"llama\"", "\"mamba\"");
    config("text-heads", "\"num_attention_heads\": 4", "\"num_attention_heads\": \"four\"");
    config("no-heads", "\"num_attention_heads\": 4,", "");
    config("odd-activation", "\"silu\"", "\"swoosh\"");
    config("small-vocabulary", "\"vocab_size\": 2048", "\"vocab_size\": 300");
    config("wide", "\"intermediate_size\": 352", "\"intermediate_size\": 353");
    weights("no-modules/model.safetensors", new SafetensorsBytes().f32("embed.weight", 4, 4));
    weights(
        "quantized/model.safetensors",
        new SafetensorsBytes().raw("model.layers.0.mlp.up_proj.weight", "U8", new byte[32], 4, 8));
    weights(
        "small/model.safetensors",
        new SafetensorsBytes().f32("model.layers.0.self_attn.q_proj.weight", 128, 128));
    for (String name : List.of("no-modules", "quantized")) {
      Files.writeString(files.resolve(name).resolve(CONFIG), "{}");
    }
    Files.copy(TestData.TINY_LLAMA.resolve(CONFIG), files.resolve("small").resolve(CONFIG));
  }

  private static void weights(String name, SafetensorsBytes content) throws IOException {
    Path file = files.resolve(name);
    Files.createDirectories(file.getParent());
    content.write(file);
  }

  private static void norms(String name, float... norms) throws IOException {
    new SafetensorsBytes()
        .metadata("format", "wanda-cuda.statistics.v1")
        .f32("model.layers.0.self_attn.q_proj.input_norm", norms, norms.length)
        .write(files.resolve(name));
  }

  private static void text(String name, String content) throws IOException {
    Files.writeString(files.resolve(name), content);
  }

  @BeforeAll
  static void writeFiles() throws IOException {
    text("tiny.gguf", "GGUF");
    text("short.txt", "A few words.");
    text("pointer.txt", POINTER);
    text("empty.txt", "");
    text("empty.jsonl", "");
    text("no-text.jsonl", "{\"content\": \"a\", \"meta\": 1}\n");
    text("plain.jsonl", "Once upon a time\n");
    text("number.jsonl", "{\"text\": 5}\n");
    text("short.jsonl", "{\"text\": \"a few words\"}\n");
    text("words.json", "[\"Once\", \"upon\"]");
    text("object.json", "{\"text\": \"a\"}");
    text("unequal.json", "[[1, 2, 3], [4, 5]]");
    text("few.json", "[[1, 2, 3]]");
    text("unknown.json", "[[1, 2, 99999]]");
    text("one.json", "[[1]]");
    text("cut.json", "[[1, 2");
    text("no-lists.json", "[]");
    text("no-ids.json", "[[]]");
    text("two.json", "[[1], [2]]");
    text("negative.json", "[1, -2]");
    text("nested.json", "[1, [2]]");
    text("ids.json", "[1, 99999]");
    text("full.json", "[" + "5, ".repeat(511) + "5]");
    text("long.json", "[[" + "5, ".repeat(599) + "5]]");
    text("no.jsonl.gz", "{\"text\": \"a\"}\n");
    text("text.pdf", "");
    text("recipe.yaml", "- modules: mlp\n  sparsity: 0.6\n  refine: swaps\n");
    text("nowhere.yaml", "- modules: nowhere\n  sparsity: 0.5\n");
    text("masks.yaml", "- method: masks\n");
    text("parts.yaml", "- structure: channels\n  sparsity: 0.25\n- sparsity: 0.5\n");
    text("parts-late.yaml", "- sparsity: 0.5\n- structure: channels\n  sparsity: 0.25\n");
    text("parts-twice.yaml", "- structure: blocks\n- structure: heads\n");
    text("parts-score.yaml", "- structure: blocks\n  score: los\n");
    text("parts-both.yaml", "- structure: blocks\n  sparsity: 0.5\n  remove: 1\n");
    text("parts-method.yaml", "- structure: blocks\n  method: wanda\n");
    text("parts-none.yaml", "- sparsity: 0.5\n  remove: 1\n");
    Files.write(files.resolve("latin.txt"), "caf\u00e9".getBytes(StandardCharsets.ISO_8859_1));
    text("pointer.safetensors", POINTER);
    text("text.safetensors", "these are not statistics, but a text");
    text("json.safetensors", "{\"a\": [1, 2, 3, 4, 5, 6]}");
    text("empty.gguf", "");
    text("text.dat", "these are not statistics, but a text");
    text("cut.gguf", "GGUF\3\0\0\0");
    weights(
        "weights.safetensors",
        new SafetensorsBytes().f32("model.layers.0.mlp.up_proj.weight", 4, 8));
    norms("negative.safetensors", 1, -1);
    norms("other.safetensors", 1, 1);
    Files.createDirectory(files.resolve("full"));
    text("full/mine", "not to be lost");
    Files.createDirectory(files.resolve("folder"));
    text("file", "not to be lost");
    for (String place : List.of("two/snapshots/aaaa", "two/snapshots/bbbb", "none/refs")) {
      Files.createDirectories(files.resolve("hub/models--org--" + place));
    }
  }
}
