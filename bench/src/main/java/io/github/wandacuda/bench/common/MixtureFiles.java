package io.github.wandacuda.bench.common;

import io.github.wandacuda.checkpoint.SafetensorsWriter;
import io.github.wandacuda.checkpoint.TensorInfo;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * Writes a mixture of experts with random weights in one shard: blocks of Qwen3's in BF16 or FP8
 * with scales of 128 x 128, or of gpt-oss's in MXFP4; or blocks of DeepSeek V2's that have no
 * experts yet.
 */
public final class MixtureFiles {
  private static final int PIECE = 8 << 20;
  private static final int VOCABULARY = 4096;
  private static final int SCALED = 128;
  private static final int GROUP = 32;

  /** Features of a latent head that aren't turned, and that are. */
  private static final int PLAIN = 128;

  private static final int ROTATED = 64;

  /** What a tensor is filled with: numbers of a trained model's size, as its type has them. */
  private enum Fill {
    WEIGHTS("BF16", 2),
    ONES("BF16", 2),
    FP8("F8_E4M3", 1),
    /** 2^-13: codes are up to 448. */
    SCALES("F32", 4),
    FP4("U8", 1),
    /** 2^-7: codes are up to 6. */
    EXPONENTS("U8", 1);

    private final String dtype;
    private final int bytes;

    Fill(String dtype, int bytes) {
      this.dtype = dtype;
      this.bytes = bytes;
    }
  }

  private record Tensor(String name, Fill fill, List<Integer> shape) {
    long bytes() {
      return shape.stream().mapToLong(size -> size).reduce(fill.bytes, (a, b) -> a * b);
    }
  }

  private final NormalWeights normal = new NormalWeights(NormalWeights.DEVIATION);
  private final List<Tensor> tensors = new ArrayList<>();
  private final Map<String, Object> config = new LinkedHashMap<>();

  /**
   * Describes a mixture.
   *
   * @param model {@code qwen3-BF16}, {@code qwen3-FP8} or {@code gpt-oss}, and behind another -
   *     blocks x hidden x width of an expert x experts x heads x key and value heads; or {@code
   *     deepseek-} and blocks x hidden x width of the MLP x width of the latent x heads
   */
  public MixtureFiles(String model) {
    int end = model.lastIndexOf('-');
    String kind = model.substring(0, end);
    String[] words = model.substring(end + 1).split("x", -1);
    int[] sizes = new int[words.length];
    for (int at = 0; at < sizes.length; at++) {
      sizes[at] = Integer.parseInt(words[at]);
    }
    boolean oss = kind.equals("gpt-oss");
    boolean latent = kind.equals("deepseek");
    config.put("hidden_size", sizes[1]);
    config.put("num_hidden_layers", sizes[0]);
    config.put("num_attention_heads", sizes[4]);
    config.put("num_key_value_heads", sizes[latent ? 4 : 5]);
    config.put("vocab_size", VOCABULARY);
    config.put("rms_norm_eps", 1e-6);
    config.put("tie_word_embeddings", false);
    config.put("max_position_embeddings", 4096);
    config.put("torch_dtype", "bfloat16");
    add("model.embed_tokens.weight", Fill.WEIGHTS, VOCABULARY, sizes[1]);
    for (int block = 0; block < sizes[0]; block++) {
      String prefix = "model.layers." + block + ".";
      add(prefix + "input_layernorm.weight", Fill.ONES, sizes[1]);
      add(prefix + "post_attention_layernorm.weight", Fill.ONES, sizes[1]);
      if (latent) {
        deepseek(prefix, sizes);
      } else if (oss) {
        gptOss(prefix, sizes);
      } else {
        qwen3(prefix, sizes, kind.endsWith("FP8"));
      }
    }
    add("model.norm.weight", Fill.ONES, sizes[1]);
    add("lm_head.weight", Fill.WEIGHTS, VOCABULARY, sizes[1]);
    if (latent) {
      deepseekConfig(sizes);
    } else if (oss) {
      gptOssConfig(sizes);
    } else {
      qwen3Config(sizes, kind.endsWith("FP8"));
    }
  }

  private void add(String name, Fill fill, Integer... shape) {
    tensors.add(new Tensor(name, fill, List.of(shape)));
  }

  private void qwen3(String prefix, int[] sizes, boolean fp8) {
    int head = 2 * GROUP * Math.max(1, sizes[1] / 1024);
    linear(prefix + "self_attn.q_proj", sizes[4] * head, sizes[1], fp8);
    linear(prefix + "self_attn.k_proj", sizes[5] * head, sizes[1], fp8);
    linear(prefix + "self_attn.v_proj", sizes[5] * head, sizes[1], fp8);
    linear(prefix + "self_attn.o_proj", sizes[1], sizes[4] * head, fp8);
    add(prefix + "self_attn.q_norm.weight", Fill.ONES, head);
    add(prefix + "self_attn.k_norm.weight", Fill.ONES, head);
    add(prefix + "mlp.gate.weight", Fill.WEIGHTS, sizes[3], sizes[1]);
    for (int expert = 0; expert < sizes[3]; expert++) {
      String mlp = prefix + "mlp.experts." + expert + ".";
      linear(mlp + "gate_proj", sizes[2], sizes[1], fp8);
      linear(mlp + "up_proj", sizes[2], sizes[1], fp8);
      linear(mlp + "down_proj", sizes[1], sizes[2], fp8);
    }
    config.put("head_dim", head);
  }

  private void linear(String module, int rows, int columns, boolean fp8) {
    add(module + ".weight", fp8 ? Fill.FP8 : Fill.WEIGHTS, rows, columns);
    if (fp8) {
      add(
          module + ".weight_scale_inv",
          Fill.SCALES,
          Math.ceilDiv(rows, SCALED),
          Math.ceilDiv(columns, SCALED));
    }
  }

  private void qwen3Config(int[] sizes, boolean fp8) {
    config.put("model_type", "qwen3_moe");
    config.put("architectures", List.of("Qwen3MoeForCausalLM"));
    config.put("hidden_act", "silu");
    config.put("intermediate_size", sizes[2]);
    config.put("moe_intermediate_size", sizes[2]);
    config.put("num_experts", sizes[3]);
    config.put("num_experts_per_tok", Math.min(8, sizes[3] / 2));
    config.put("norm_topk_prob", true);
    config.put("decoder_sparse_step", 1);
    config.put("mlp_only_layers", List.of());
    config.put("rope_theta", 1e6);
    if (fp8) {
      config.put(
          "quantization_config",
          Map.of(
              "quant_method", "fp8",
              "fmt", "e4m3",
              "activation_scheme", "dynamic",
              "weight_block_size", List.of(SCALED, SCALED),
              "modules_to_not_convert", List.of("lm_head", "mlp.gate")));
    }
  }

  private void gptOss(String prefix, int[] sizes) {
    int head = 2 * GROUP;
    String attention = prefix + "self_attn.";
    biased(attention + "q_proj", sizes[4] * head, sizes[1]);
    biased(attention + "k_proj", sizes[5] * head, sizes[1]);
    biased(attention + "v_proj", sizes[5] * head, sizes[1]);
    biased(attention + "o_proj", sizes[1], sizes[4] * head);
    add(attention + "sinks", Fill.WEIGHTS, sizes[4]);
    biased(prefix + "mlp.router", sizes[3], sizes[1]);
    stacked(prefix + "mlp.experts.gate_up_proj", sizes[3], 2 * sizes[2], sizes[1]);
    stacked(prefix + "mlp.experts.down_proj", sizes[3], sizes[1], sizes[2]);
  }

  private void biased(String module, int rows, int columns) {
    add(module + ".weight", Fill.WEIGHTS, rows, columns);
    add(module + ".bias", Fill.WEIGHTS, rows);
  }

  private void stacked(String module, int experts, int rows, int columns) {
    add(module + "_blocks", Fill.FP4, experts, rows, columns / GROUP, GROUP / 2);
    add(module + "_scales", Fill.EXPONENTS, experts, rows, columns / GROUP);
    add(module + "_bias", Fill.WEIGHTS, experts, rows);
  }

  private void gptOssConfig(int[] sizes) {
    config.put("model_type", "gpt_oss");
    config.put("architectures", List.of("GptOssForCausalLM"));
    config.put("hidden_act", "silu");
    config.put("attention_bias", true);
    config.put("intermediate_size", sizes[2]);
    config.put("head_dim", 2 * GROUP);
    config.put("num_local_experts", sizes[3]);
    config.put("num_experts_per_tok", Math.min(4, sizes[3] / 2));
    config.put("sliding_window", 128);
    config.put(
        "layer_types",
        IntStream.range(0, sizes[0])
            .mapToObj(block -> block % 2 == 0 ? "sliding_attention" : "full_attention")
            .toList());
    config.put("swiglu_limit", 7.0);
    config.put("rope_theta", 150000.0);
    config.put(
        "quantization_config",
        Map.of(
            "quant_method",
            "mxfp4",
            "modules_to_not_convert",
            List.of(
                "model.layers.*.self_attn",
                "model.layers.*.mlp.router",
                "model.embed_tokens",
                "lm_head")));
  }

  private void deepseek(String prefix, int[] sizes) {
    String attention = prefix + "self_attn.";
    linear(attention + "q_proj", sizes[4] * (PLAIN + ROTATED), sizes[1], false);
    linear(attention + "kv_a_proj_with_mqa", sizes[3] + ROTATED, sizes[1], false);
    add(attention + "kv_a_layernorm.weight", Fill.ONES, sizes[3]);
    linear(attention + "kv_b_proj", sizes[4] * 2 * PLAIN, sizes[3], false);
    linear(attention + "o_proj", sizes[1], sizes[4] * PLAIN, false);
    linear(prefix + "mlp.gate_proj", sizes[2], sizes[1], false);
    linear(prefix + "mlp.up_proj", sizes[2], sizes[1], false);
    linear(prefix + "mlp.down_proj", sizes[1], sizes[2], false);
  }

  private void deepseekConfig(int[] sizes) {
    config.put("model_type", "deepseek_v2");
    config.put("architectures", List.of("DeepseekV2ForCausalLM"));
    config.put("hidden_act", "silu");
    config.put("intermediate_size", sizes[2]);
    config.put("first_k_dense_replace", sizes[0]);
    config.put("n_routed_experts", 64);
    config.put("num_experts_per_tok", 6);
    config.put("moe_intermediate_size", 1408);
    config.put("q_lora_rank", null);
    config.put("kv_lora_rank", sizes[3]);
    config.put("qk_nope_head_dim", PLAIN);
    config.put("qk_rope_head_dim", ROTATED);
    config.put("v_head_dim", PLAIN);
    config.put("rope_theta", 1e4);
  }

  /**
   * Returns the floating-point operations of samples' linear layers: an expert's for those tokens
   * that go to it, and not the last layer of all, whose output nobody asks for when norms are
   * measured.
   */
  public double linearFlops(int tokens) {
    double share =
        config.containsKey("num_experts")
            ? (double) (int) config.get("num_experts_per_tok") / (int) config.get("num_experts")
            : 1;
    String last = "layers." + ((int) config.get("num_hidden_layers") - 1) + ".";
    return tensors.stream()
        .filter(tensor -> tensor.name.contains("layers.") && tensor.shape.size() == 2)
        .filter(tensor -> !(tensor.name.contains(last) && tensor.name.contains("down_proj")))
        .mapToDouble(
            tensor ->
                2.0
                    * tokens
                    * tensor.shape.get(0)
                    * tensor.shape.get(1)
                    * (tensor.name.contains("experts.") ? share : 1))
        .sum();
  }

  /** Writes the model's directory. */
  public void write(Path directory) {
    Directories.create(directory);
    Json.write(directory.resolve("config.json"), config);
    List<TensorInfo> layout = new ArrayList<>();
    long at = 0;
    for (Tensor tensor : tensors) {
      List<Long> shape = tensor.shape.stream().map(Integer::longValue).toList();
      layout.add(new TensorInfo(tensor.name, tensor.fill.dtype, shape, at, at + tensor.bytes()));
      at += tensor.bytes();
    }
    try (OutputStream out = Files.newOutputStream(directory.resolve("model.safetensors"))) {
      out.write(SafetensorsWriter.header(layout, Map.of()));
      long seed = 0;
      for (Tensor tensor : tensors) {
        for (long done = 0; done < tensor.bytes(); done += PIECE) {
          out.write(piece(tensor.fill, (int) Math.min(PIECE, tensor.bytes() - done), seed++));
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private byte[] piece(Fill fill, int length, long seed) {
    ByteBuffer buffer = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
    switch (fill) {
      case WEIGHTS -> normal.fill(buffer, seed);
      case ONES -> NormalWeights.fillOnes(buffer);
      case SCALES -> {
        while (buffer.hasRemaining()) {
          buffer.putFloat(0x1p-13f);
        }
      }
      case EXPONENTS -> Arrays.fill(buffer.array(), (byte) 120);
      case FP4 -> new SplittableRandom(seed).nextBytes(buffer.array());
      case FP8 -> {
        new SplittableRandom(seed).nextBytes(buffer.array());
        for (int at = 0; at < length; at++) {
          // The largest code of each sign is not a number.
          if ((buffer.get(at) & 0x7f) == 0x7f) {
            buffer.put(at, (byte) 0);
          }
        }
      }
    }
    return buffer.array();
  }

  /** Writes samples of random tokens. */
  public static void writeSamples(Path file, int samples, int length) {
    ModelFiles.writeSamples(file, samples, length, VOCABULARY);
  }
}
