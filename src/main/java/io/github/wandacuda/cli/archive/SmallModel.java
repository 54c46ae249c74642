package io.github.wandacuda.cli.archive;

import io.github.wandacuda.io.checkpoint.SafetensorsWriter;
import io.github.wandacuda.io.checkpoint.TensorInfo;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.StringJoiner;

/**
 * A LLaMA of one block in BF16, with random weights.
 *
 * @param directory where it is written
 */
record SmallModel(Path directory) {
  private static final int HIDDEN = 64;
  private static final int INNER = 128;
  private static final int VOCABULARY = 64;
  private static final int SAMPLES = 2;
  private static final int TOKENS = 32;

  private static final String CONFIG =
      """
      {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": %d,
       "intermediate_size": %d, "num_hidden_layers": 1, "num_attention_heads": 2,
       "num_key_value_heads": 2, "vocab_size": %d, "rms_norm_eps": 1e-5,
       "max_position_embeddings": 128, "hidden_act": "silu"}
      """
          .formatted(HIDDEN, INNER, VOCABULARY);

  /** Writes config and weights. */
  void write() throws IOException {
    Files.createDirectories(directory);
    Files.writeString(directory.resolve("config.json"), CONFIG);
    List<TensorInfo> tensors = tensors();
    Random random = new Random(1);
    try (OutputStream out = Files.newOutputStream(directory.resolve("model.safetensors"))) {
      out.write(SafetensorsWriter.header(tensors, Map.of()));
      for (TensorInfo tensor : tensors) {
        out.write(weights(random, tensor));
      }
    }
  }

  private static List<TensorInfo> tensors() {
    List<TensorInfo> tensors = new ArrayList<>();
    add(tensors, "lm_head", VOCABULARY, HIDDEN);
    add(tensors, "model.embed_tokens", VOCABULARY, HIDDEN);
    for (String attention : List.of("q_proj", "k_proj", "v_proj", "o_proj")) {
      add(tensors, "model.layers.0.self_attn." + attention, HIDDEN, HIDDEN);
    }
    add(tensors, "model.layers.0.mlp.gate_proj", INNER, HIDDEN);
    add(tensors, "model.layers.0.mlp.up_proj", INNER, HIDDEN);
    add(tensors, "model.layers.0.mlp.down_proj", HIDDEN, INNER);
    add(tensors, "model.layers.0.input_layernorm", HIDDEN);
    add(tensors, "model.layers.0.post_attention_layernorm", HIDDEN);
    add(tensors, "model.norm", HIDDEN);
    return tensors;
  }

  private static void add(List<TensorInfo> tensors, String name, long... shape) {
    long begin = tensors.isEmpty() ? 0 : tensors.getLast().end();
    List<Long> sizes = new ArrayList<>();
    long bytes = Short.BYTES;
    for (long size : shape) {
      sizes.add(size);
      bytes *= size;
    }
    tensors.add(new TensorInfo(name + ".weight", "BF16", sizes, begin, begin + bytes));
  }

  private static byte[] weights(Random random, TensorInfo tensor) {
    ByteBuffer bytes = ByteBuffer.allocate((int) tensor.bytes()).order(ByteOrder.LITTLE_ENDIAN);
    while (bytes.hasRemaining()) {
      bytes.putShort((short) (Float.floatToRawIntBits((float) random.nextGaussian()) >>> 16));
    }
    return bytes.array();
  }

  /** Writes lists of token ids to a file and returns it. */
  Path writeSamples(Path file) throws IOException {
    Random random = new Random(2);
    StringJoiner lists = new StringJoiner(",", "[", "]");
    for (int sample = 0; sample < SAMPLES; sample++) {
      StringJoiner tokens = new StringJoiner(",", "[", "]");
      for (int token = 0; token < TOKENS; token++) {
        tokens.add(Integer.toString(random.nextInt(VOCABULARY)));
      }
      lists.add(tokens.toString());
    }
    return Files.writeString(file, lists.toString());
  }
}
