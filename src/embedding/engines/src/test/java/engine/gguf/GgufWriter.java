package engine.gguf;

import engine.testing.TinyLlama;
import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.library.SafetensorsShard;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Pattern;

/** Writes a LLaMA as GGUF, as llama.cpp's converter does: q and k with permuted rows. */
final class GgufWriter {
  private static final int ALIGNMENT = 32;
  private static final Map<String, String> OTHERS =
      Map.of(
          "model.embed_tokens", "token_embd",
          "model.norm", "output_norm",
          "lm_head", "output");

  private record Tensor(String name, int type, List<Long> shape, byte[] data) {}

  private final ByteArrayOutputStream header = new ByteArrayOutputStream();
  private final String config;
  private int values;

  private GgufWriter(String config) {
    this.config = config;
  }

  static void write(Path model, DType dtype, Path file) throws IOException {
    GgufWriter writer = new GgufWriter(Files.readString(model.resolve("config.json")));
    List<Tensor> tensors = new ArrayList<>();
    for (SafetensorsShard shard : TinyLlama.shards(model)) {
      for (Map.Entry<String, String> name : names(shard).entrySet()) {
        tensors.add(writer.tensor(shard, name.getKey(), name.getValue(), dtype));
      }
    }
    Files.write(file, writer.bytes(tensors));
  }

  private Optional<String> setting(String name) {
    return Pattern.compile("\"%s\"\\s*:\\s*([\\d.e-]+)".formatted(name))
        .matcher(config)
        .results()
        .map(found -> found.group(1))
        .findFirst();
  }

  private int size(String name) {
    return Integer.parseInt(setting(name).orElseThrow());
  }

  private static Map<String, String> names(SafetensorsShard shard) {
    Map<String, String> names = new TreeMap<>();
    for (String name : shard.names()) {
      String module = name.replaceFirst("\\.weight$", "");
      String part =
          module
              .replaceFirst("^model\\.layers\\.", "blk.")
              .replace("input_layernorm", "attn_norm")
              .replace("post_attention_layernorm", "ffn_norm")
              .replaceFirst("self_attn\\.o_proj", "attn_output")
              .replaceFirst("self_attn\\.(.)_proj", "attn_$1")
              .replaceFirst("mlp\\.(\\w+)_proj", "ffn_$1");
      names.put(name, OTHERS.getOrDefault(module, part) + ".weight");
    }
    return names;
  }

  private Tensor tensor(SafetensorsShard shard, String from, String to, DType dtype) {
    if (shard.shape(from).size() == 1) {
      float[] vector = shard.vector(from);
      ByteBuffer data = buffer(4 * vector.length);
      for (float value : vector) {
        data.putFloat(value);
      }
      return new Tensor(to, GgufFile.F32, shard.shape(from), data.array());
    }
    WeightMatrix matrix = shard.matrix(from);
    ByteBuffer data = buffer(Math.toIntExact(2 * matrix.elements()));
    int heads =
        to.contains("attn_q")
            ? size("num_attention_heads")
            : to.contains("attn_k") ? size("num_key_value_heads") : 0;
    for (int row = 0; row < matrix.rows(); row++) {
      int source = heads == 0 ? row : permuted(row, matrix.rows() / heads);
      for (int column = 0; column < matrix.columns(); column++) {
        float value = matrix.get(source, column);
        data.putShort(
            dtype == DType.F16
                ? Float.floatToFloat16(value)
                : (short) (Float.floatToRawIntBits(value) >>> 16));
      }
    }
    int type = dtype == DType.F16 ? GgufFile.F16 : GgufFile.BF16;
    return new Tensor(to, type, shard.shape(from).reversed(), data.array());
  }

  /** The two halves of a head, which RoPE turns against each other, alternate. */
  private static int permuted(int row, int size) {
    int inHead = row % size;
    return row - inHead + inHead % 2 * (size / 2) + inHead / 2;
  }

  private byte[] bytes(List<Tensor> tensors) throws IOException {
    text("general.architecture", "llama");
    number("llama.embedding_length", size("hidden_size"));
    number("llama.block_count", size("num_hidden_layers"));
    number("llama.attention.head_count", size("num_attention_heads"));
    number("llama.attention.head_count_kv", size("num_key_value_heads"));
    if (setting("head_dim").isPresent()) {
      number(GgufLlama.HEAD_WIDTH, size("head_dim"));
    }
    number("llama.context_length", size("max_position_embeddings"));
    fraction("llama.attention.layer_norm_rms_epsilon", "rms_norm_eps");
    fraction("llama.rope.freq_base", "rope_theta");
    ByteArrayOutputStream data = new ByteArrayOutputStream();
    for (Tensor tensor : tensors) {
      string(tensor.name());
      header.write(buffer(4).putInt(tensor.shape().size()).array());
      for (long size : tensor.shape()) {
        header.write(buffer(8).putLong(size).array());
      }
      header.write(buffer(12).putInt(tensor.type()).putLong(data.size()).array());
      data.write(tensor.data());
      pad(data);
    }
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    all.write("GGUF".getBytes(StandardCharsets.US_ASCII));
    all.write(buffer(20).putInt(3).putLong(tensors.size()).putLong(values).array());
    header.writeTo(all);
    pad(all);
    data.writeTo(all);
    return all.toByteArray();
  }

  private void text(String key, String value) throws IOException {
    key(key, 8);
    string(value);
  }

  private void number(String key, int value) throws IOException {
    key(key, 4);
    header.write(buffer(4).putInt(value).array());
  }

  private void fraction(String key, String name) throws IOException {
    key(key, 6);
    header.write(buffer(4).putFloat(Float.parseFloat(setting(name).orElseThrow())).array());
  }

  private void key(String key, int type) throws IOException {
    string(key);
    header.write(buffer(4).putInt(type).array());
    values++;
  }

  private void string(String text) throws IOException {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    header.write(buffer(8).putLong(bytes.length).array());
    header.write(bytes);
  }

  private static void pad(ByteArrayOutputStream out) {
    while (out.size() % ALIGNMENT != 0) {
      out.write(0);
    }
  }

  private static ByteBuffer buffer(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }
}
