package io.github.wandacuda.cli;

import static io.github.wandacuda.cli.HostileFile.family;
import static io.github.wandacuda.cli.HostileFile.inspected;
import static io.github.wandacuda.cli.HostileFile.tokenized;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;

/** Configs and tokenizers that nobody should be able to do harm with. */
final class HostileModels {

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
    return inspected(name, said, model -> Files.writeString(model.resolve("config.json"), content));
  }

  private static List<HostileFile> configs() {
    String hidden = "\"hidden_size\": 128";
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
            }),
        config("a negative size", "hidden_size", hidden, "\"hidden_size\": -128"),
        config("a fraction as size", "hidden_size", hidden, "\"hidden_size\": 128.5"),
        config("a text as size", "hidden_size", hidden, "\"hidden_size\": \"128\""),
        config("a huge size", "hidden_size", hidden, "\"hidden_size\": 99999999999"),
        config("another size", "expected shape", hidden, "\"hidden_size\": 256"),
        config(
            "no layers",
            "num_hidden_layers",
            "\"num_hidden_layers\": 6",
            "\"num_hidden_layers\": 0"),
        config(
            "a billion layers",
            "of at most 134217728",
            "\"num_hidden_layers\": 6",
            "\"num_hidden_layers\": 1000000000"),
        config(
            "an infinite base", "rope_theta", "\"rope_theta\": 10000.0", "\"rope_theta\": 1e999"),
        config(
            "a negative epsilon",
            "rms_norm_eps",
            "\"rms_norm_eps\": 1e-05",
            "\"rms_norm_eps\": -1"),
        config(
            "a billion heads",
            "of at most 134217728",
            "\"num_attention_heads\": 4",
            "\"num_attention_heads\": 1000000000"),
        config(
            "heads of a billion",
            "of at most 134217728",
            "\"hidden_size\": 128",
            "\"head_dim\": 1000000000, \"hidden_size\": 128"),
        family(
            "llama-mha",
            "wide",
            "of at most 134217728",
            "\"hidden_size\": 32",
            "\"hidden_size\": 2000000000"),
        family(
            "mixtral",
            "a billion experts",
            "of at most 134217728",
            "\"num_local_experts\": 4",
            "\"num_local_experts\": 1000000000"),
        family(
            "bloom",
            "a billion heads",
            "of at most 134217728",
            "\"n_head\": 4",
            "\"n_head\": 1000000000"),
        family(
            "bloom",
            "a billion features",
            "of at most 134217728",
            "\"hidden_size\": 32",
            "\"hidden_size\": 1000000000"),
        family(
            "opt",
            "a billion positions",
            "of at most 134217728",
            "\"max_position_embeddings\": 96",
            "\"max_position_embeddings\": 1000000000"),
        family(
            "gpt2",
            "a billion layers",
            "of at most 134217728",
            "\"n_layer\": 3",
            "\"n_layer\": 1000000000"),
        family(
            "gpt2",
            "a large vocabulary",
            "of at most 134217728",
            "\"vocab_size\": 128",
            "\"vocab_size\": 2000000000"));
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
