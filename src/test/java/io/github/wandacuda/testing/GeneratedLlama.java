package io.github.wandacuda.testing;

import io.github.wandacuda.checkpoint.SafetensorsWriter;
import io.github.wandacuda.io.AtomicWrite;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Random;
import java.util.SortedMap;
import java.util.StringJoiner;
import java.util.TreeMap;

/**
 * A LLaMA in BF16 of any size with random weights, in shards, with statistics and samples beside
 * it. Equal sizes give equal files.
 *
 * @param blocks decoder blocks, of which each shard has two
 * @param hidden width of the hidden states, a multiple of 32
 * @param inner width of the feed-forward part
 * @param vocabulary tokens
 */
public record GeneratedLlama(int blocks, int hidden, int inner, int vocabulary) {
  private static final int HEAD = 32;

  /** Rows and columns that have a scale. */
  private static final int BLOCK = 128;

  /** Writes the model's directory. */
  public Path write(Path directory) throws IOException {
    return write(directory, false);
  }

  /** Writes the directory of such a model whose linear modules are FP8 with scales of blocks. */
  public Path writeFp8(Path directory) throws IOException {
    return write(directory, true);
  }

  private Path write(Path directory, boolean fp8) throws IOException {
    Files.createDirectories(directory);
    Random random = new Random(1);
    StringJoiner shardOf = new StringJoiner(",", "{\"weight_map\":{", "}}");
    int shards = Math.ceilDiv(blocks, 2);
    for (int index = 0; index < shards; index++) {
      String file = "model-%05d-of-%05d.safetensors".formatted(index + 1, shards);
      SafetensorsBytes shard = new SafetensorsBytes();
      Map<String, int[]> tensors = tensors(index, shards);
      for (Map.Entry<String, int[]> tensor : tensors.entrySet()) {
        if (fp8 && tensor.getKey().endsWith("proj.weight")) {
          shardOf.add("\"%s_scale_inv\":\"%s\"".formatted(tensor.getKey(), file));
          codes(shard, random, tensor.getKey(), tensor.getValue());
        } else {
          shard.raw(tensor.getKey(), "BF16", weights(random, tensor.getValue()), tensor.getValue());
        }
        shardOf.add("\"%s\":\"%s\"".formatted(tensor.getKey(), file));
      }
      shard.write(directory.resolve(file));
    }
    Files.writeString(directory.resolve("model.safetensors.index.json"), shardOf.toString());
    Files.writeString(directory.resolve("config.json"), config(fp8));
    return directory;
  }

  private Map<String, int[]> tensors(int shard, int shards) {
    Map<String, int[]> tensors = new TreeMap<>();
    for (int block = 2 * shard; block < Math.min(blocks, 2 * shard + 2); block++) {
      String before = "model.layers.%d.".formatted(block);
      linear().forEach((name, shape) -> tensors.put(before + name + ".weight", shape));
      tensors.put(before + "input_layernorm.weight", new int[] {hidden});
      tensors.put(before + "post_attention_layernorm.weight", new int[] {hidden});
    }
    if (shard == 0) {
      tensors.put("model.embed_tokens.weight", new int[] {vocabulary, hidden});
    }
    if (shard == shards - 1) {
      tensors.put("model.norm.weight", new int[] {hidden});
      tensors.put("lm_head.weight", new int[] {vocabulary, hidden});
    }
    return tensors;
  }

  private Map<String, int[]> linear() {
    return Map.of(
        "self_attn.q_proj", new int[] {hidden, hidden},
        "self_attn.k_proj", new int[] {hidden, hidden},
        "self_attn.v_proj", new int[] {hidden, hidden},
        "self_attn.o_proj", new int[] {hidden, hidden},
        "mlp.gate_proj", new int[] {inner, hidden},
        "mlp.up_proj", new int[] {inner, hidden},
        "mlp.down_proj", new int[] {hidden, inner});
  }

  /** Numbers around 0 whose rows differ; a norm's around 1. */
  private static byte[] weights(Random random, int[] shape) {
    int count = shape.length == 1 ? shape[0] : shape[0] * shape[1];
    float mean = shape.length == 1 ? 1 : 0;
    float deviation = (float) (1 / Math.sqrt(shape[shape.length - 1]));
    short[] some = new short[Math.min(count, 1 << 16)];
    for (int i = 0; i < some.length; i++) {
      float value = mean + deviation * (float) random.nextGaussian();
      some[i] = (short) (Float.floatToIntBits(value) >>> 16);
    }
    ByteBuffer bytes = ByteBuffer.allocate(2 * count).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < count; i++) {
      bytes.putShort(some[(i + i / some.length * 13) % some.length]);
    }
    return bytes.array();
  }

  /** Adds codes of numbers below 2, and a scale for each block. */
  private static void codes(SafetensorsBytes shard, Random random, String name, int[] shape) {
    byte[] codes = new byte[shape[0] * shape[1]];
    random.nextBytes(codes);
    for (int i = 0; i < codes.length; i++) {
      codes[i] &= (byte) 0xbf;
    }
    int[] blocks = {Math.ceilDiv(shape[0], BLOCK), Math.ceilDiv(shape[1], BLOCK)};
    ByteBuffer scales =
        ByteBuffer.allocate(4 * blocks[0] * blocks[1]).order(ByteOrder.LITTLE_ENDIAN);
    while (scales.hasRemaining()) {
      scales.putFloat((1 + random.nextFloat()) / (float) Math.sqrt(shape[1]));
    }
    shard.raw(name, "F8_E4M3", codes, shape);
    shard.raw(name + "_scale_inv", "F32", scales.array(), blocks);
  }

  private String config(boolean fp8) {
    String quantization =
        fp8
            ? """
            , "quantization_config": {"quant_method": "fp8", "fmt": "e4m3",
             "activation_scheme": "dynamic", "weight_block_size": [%d, %d]}\
            """
                .formatted(BLOCK, BLOCK)
            : "";
    return """
    {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": %d,
     "intermediate_size": %d, "num_hidden_layers": %d, "num_attention_heads": %d,
     "num_key_value_heads": %d, "vocab_size": %d, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
     "max_position_embeddings": 2048, "tie_word_embeddings": false, "hidden_act": "silu"%s}
    """
        .formatted(hidden, inner, blocks, hidden / HEAD, hidden / HEAD, vocabulary, quantization);
  }

  public Path writeStatistics(Path file) {
    Random random = new Random(2);
    SortedMap<String, float[]> norms = new TreeMap<>();
    for (int block = 0; block < blocks; block++) {
      for (Map.Entry<String, int[]> module : new TreeMap<>(linear()).entrySet()) {
        float[] values = new float[module.getValue()[1]];
        for (int i = 0; i < values.length; i++) {
          values[i] = 0.1f + random.nextFloat();
        }
        norms.put("model.layers.%d.%s.input_norm".formatted(block, module.getKey()), values);
      }
    }
    AtomicWrite.replace(
        file, SafetensorsWriter.content(norms, Map.of("format", "wanda-cuda.statistics.v1")));
    return file;
  }

  /** Writes samples for it, as lists of token ids. */
  public Path writeSamples(Path file, int samples, int length) throws IOException {
    Random random = new Random(3);
    StringJoiner lists = new StringJoiner(",", "[", "]");
    for (int sample = 0; sample < samples; sample++) {
      StringJoiner tokens = new StringJoiner(",", "[", "]");
      for (int token = 0; token < length; token++) {
        tokens.add(Integer.toString(random.nextInt(vocabulary)));
      }
      lists.add(tokens.toString());
    }
    return Files.writeString(file, lists.toString());
  }
}
