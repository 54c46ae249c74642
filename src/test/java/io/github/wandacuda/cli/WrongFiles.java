package io.github.wandacuda.cli;

import static io.github.wandacuda.cli.HostileFile.replace;

import io.github.wandacuda.testing.SafetensorsBytes;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** The files and folders that people name by mistake, each under a name that says what it is. */
final class WrongFiles {
  static final String SHARD = "model-00001-of-00003.safetensors";
  private static final String POINTER =
      "version https://git-lfs.github.com/spec/v1\noid sha256:0000\nsize 3269816\n";
  private static final String PAGE = "<!DOCTYPE html>\n<html><body>Sign in</body></html>\n";

  private final Path directory;

  private WrongFiles(Path directory) {
    this.directory = directory;
  }

  /** Writes all of them. */
  static void write(Path directory) throws IOException {
    WrongFiles files = new WrongFiles(directory);
    files.models();
    files.configs();
    files.texts();
    files.statistics();
    files.places();
  }

  /** Changes a model. */
  @FunctionalInterface
  private interface Change {
    void to(Path model) throws IOException;
  }

  private void model(String name, Change change) throws IOException {
    change.to(TestData.copy(TestData.TINY_LLAMA, directory.resolve(name)));
  }

  private void text(String name, String content) throws IOException {
    Files.writeString(directory.resolve(name), content);
  }

  private void models() throws IOException {
    model("lfs-shard", model -> Files.writeString(model.resolve(SHARD), POINTER));
    model("page-shard", model -> Files.writeString(model.resolve(SHARD), PAGE));
    model("empty-shard", model -> Files.write(model.resolve(SHARD), new byte[0]));
    model("no-shard", model -> Files.delete(model.resolve(SHARD)));
    model("cut-shard", model -> cut(model.resolve(SHARD)));
    model("gguf-shard", model -> Files.writeString(model.resolve(SHARD), "GGUF\3\0\0\0\0\0\0\0"));
    model("zip-shard", model -> Files.writeString(model.resolve(SHARD), "PK\3\4abcdefgh"));
    model("no-index", model -> Files.delete(model.resolve("model.safetensors.index.json")));
    model("lfs-index", model -> index(model, POINTER));
    model("bad-index", model -> index(model, "{\"weight_map\": "));
    model("empty-index", model -> index(model, "{\"weight_map\": {}}"));
    model("no-weights", WrongFiles::deleteWeights);
    model(
        "pytorch",
        model -> {
          deleteWeights(model);
          Files.writeString(model.resolve("pytorch_model.bin"), "");
        });
    model(
        "gguf",
        model -> {
          deleteWeights(model);
          Files.writeString(model.resolve("tiny-Q4_K.gguf"), "");
        });
    model("no-tokenizer", model -> Files.delete(model.resolve("tokenizer.json")));
    model(
        "tokenizer-model",
        model -> {
          Files.delete(model.resolve("tokenizer.json"));
          Files.writeString(model.resolve("tokenizer.model"), "");
        });
    model("lfs-tokenizer", model -> Files.writeString(model.resolve("tokenizer.json"), POINTER));
    text("tiny.gguf", "GGUF");
    Path nothing = Files.createDirectory(directory.resolve("no-modules"));
    Files.writeString(nothing.resolve("config.json"), "{}");
    new SafetensorsBytes().f32("embed.weight", 4, 4).write(nothing.resolve("model.safetensors"));
    Path quantized = Files.createDirectory(directory.resolve("quantized"));
    Files.writeString(quantized.resolve("config.json"), "{}");
    new SafetensorsBytes()
        .raw("model.layers.0.mlp.up_proj.weight", "U8", new byte[32], 4, 8)
        .write(quantized.resolve("model.safetensors"));
  }

  private static void index(Path model, String content) throws IOException {
    Files.writeString(model.resolve("model.safetensors.index.json"), content);
  }

  private static void cut(Path file) throws IOException {
    try (RandomAccessFile access = new RandomAccessFile(file.toFile(), "rw")) {
      access.setLength(access.length() / 2);
    }
  }

  private static void deleteWeights(Path model) throws IOException {
    for (String name : TestData.names(model)) {
      if (name.contains("safetensors")) {
        Files.delete(model.resolve(name));
      }
    }
  }

  private void config(String name, String from, String to) throws IOException {
    model(name, model -> replace(model.resolve("config.json"), from, to));
  }

  private void configs() throws IOException {
    model("no-config", model -> Files.delete(model.resolve("config.json")));
    model("lfs-config", model -> Files.writeString(model.resolve("config.json"), POINTER));
    model("page-config", model -> Files.writeString(model.resolve("config.json"), PAGE));
    model("empty-config", model -> Files.writeString(model.resolve("config.json"), ""));
    model("list-config", model -> Files.writeString(model.resolve("config.json"), "[1]"));
    model("cut-config", model -> Files.writeString(model.resolve("config.json"), "{\"a\": "));
    config("other-family", "\"llama\"", "\"mamba\"");
    config("text-heads", "\"num_attention_heads\": 4", "\"num_attention_heads\": \"four\"");
    config("no-heads", "\"num_attention_heads\": 4,", "");
    config("odd-activation", "\"silu\"", "\"swoosh\"");
    config("small-vocabulary", "\"vocab_size\": 2048", "\"vocab_size\": 300");
    config("wide", "\"intermediate_size\": 352", "\"intermediate_size\": 353");
  }

  private void texts() throws IOException {
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
    text("no.jsonl.gz", "{\"text\": \"a\"}\n");
    text("text.pdf", "");
    Files.write(directory.resolve("latin.txt"), "caf\u00e9".getBytes(StandardCharsets.ISO_8859_1));
  }

  private void statistics() throws IOException {
    text("pointer.safetensors", POINTER);
    text("text.safetensors", "these are not statistics, but a text");
    text("json.safetensors", "{\"a\": [1, 2, 3, 4, 5, 6]}");
    text("empty.gguf", "");
    text("text.dat", "these are not statistics, but a text");
    Files.write(directory.resolve("cut.gguf"), "GGUF\3\0\0\0".getBytes(StandardCharsets.US_ASCII));
    new SafetensorsBytes()
        .f32("model.layers.0.mlp.up_proj.weight", 4, 8)
        .write(directory.resolve("weights.safetensors"));
    new SafetensorsBytes()
        .metadata("format", "wanda-cuda.statistics.v1")
        .f32("model.layers.0.self_attn.q_proj.input_norm", new float[] {1, -1}, 2)
        .write(directory.resolve("negative.safetensors"));
    new SafetensorsBytes()
        .metadata("format", "wanda-cuda.statistics.v1")
        .f32("model.layers.0.self_attn.q_proj.input_norm", new float[] {1, 1}, 2)
        .write(directory.resolve("other.safetensors"));
  }

  private void places() throws IOException {
    Files.writeString(
        Files.createDirectory(directory.resolve("full")).resolve("mine"), "not to be lost");
    Files.createDirectory(directory.resolve("folder"));
    text("file", "not to be lost");
    snapshot("models--org--two", "aaaa");
    snapshot("models--org--two", "bbbb");
    Files.createDirectories(directory.resolve("hub/models--org--none/refs"));
  }

  private void snapshot(String model, String commit) throws IOException {
    Path snapshot = directory.resolve("hub").resolve(model).resolve("snapshots").resolve(commit);
    Files.createDirectories(snapshot);
  }
}
