package io.github.wandacuda.model;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.system.OnFailure;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** The decoder families whose forward pass is known. */
public final class DecoderFamilies {
  /** In the order of their model types. */
  private static final List<DecoderFamily> KNOWN =
      List.of(
          new DecoderFamily("apertus", "ApertusForCausalLM", DenseFamilies::apertus),
          new DecoderFamily("arcee", "ArceeForCausalLM", DenseFamilies::arcee),
          new DecoderFamily("bloom", "BloomForCausalLM", LayerNormFamilies::bloom),
          new DecoderFamily("cohere", "CohereForCausalLM", DenseFamilies::cohere),
          new DecoderFamily("cohere2", "Cohere2ForCausalLM", DenseFamilies::cohere2),
          new DecoderFamily("cwm", "CwmForCausalLM", DenseFamilies::cwm),
          new DecoderFamily("deepseek_v2", "DeepseekV2ForCausalLM", MixtureFamilies::deepseekV2),
          new DecoderFamily("deepseek_v3", "DeepseekV3ForCausalLM", MixtureFamilies::deepseekV3),
          new DecoderFamily("ernie4_5", "Ernie4_5ForCausalLM", DenseFamilies::ernie),
          new DecoderFamily("ernie4_5_moe", "Ernie4_5_MoeForCausalLM", MixtureFamilies::ernieMoe),
          new DecoderFamily("exaone4", "Exaone4ForCausalLM", DenseFamilies::exaone4),
          new DecoderFamily("falcon", "FalconForCausalLM", LayerNormFamilies::falcon),
          new DecoderFamily("gemma", "GemmaForCausalLM", LlamaFamilies::gemma),
          new DecoderFamily("gemma2", "Gemma2ForCausalLM", LlamaFamilies::gemma2),
          new DecoderFamily("gemma3_text", "Gemma3ForCausalLM", DenseFamilies::gemma3),
          new DecoderFamily("glm", "GlmForCausalLM", DenseFamilies::glm),
          new DecoderFamily("glm4", "Glm4ForCausalLM", DenseFamilies::glm4),
          new DecoderFamily("glm4_moe", "Glm4MoeForCausalLM", MixtureFamilies::glm4Moe),
          new DecoderFamily(
              "glm4_moe_lite", "Glm4MoeLiteForCausalLM", MixtureFamilies::glm4MoeLite),
          new DecoderFamily("gpt2", "GPT2LMHeadModel", LayerNormFamilies::gpt2),
          new DecoderFamily("gpt_neox", "GPTNeoXForCausalLM", LayerNormFamilies::gptNeox),
          new DecoderFamily("gpt_oss", "GptOssForCausalLM", MixtureFamilies::gptOss),
          new DecoderFamily("granite", "GraniteForCausalLM", DenseFamilies::granite),
          new DecoderFamily("granitemoe", "GraniteMoeForCausalLM", MixtureFamilies::graniteMoe),
          new DecoderFamily(
              "granitemoeshared", "GraniteMoeSharedForCausalLM", MixtureFamilies::graniteMoe),
          new DecoderFamily("helium", "HeliumForCausalLM", DenseFamilies::helium),
          new DecoderFamily(
              "hunyuan_v1_dense", "HunYuanDenseV1ForCausalLM", DenseFamilies::hunyuan),
          new DecoderFamily("kimi_k2", "DeepseekV3ForCausalLM", MixtureFamilies::deepseekV3),
          new DecoderFamily("llama", "LlamaForCausalLM", LlamaFamilies::llama),
          new DecoderFamily("llama4_text", "Llama4ForCausalLM", MixtureFamilies::llama4),
          new DecoderFamily("minimax_m2", "MiniMaxM2ForCausalLM", MixtureFamilies::minimaxM2),
          new DecoderFamily("ministral", "MinistralForCausalLM", LlamaFamilies::mistral),
          new DecoderFamily("ministral3", "Ministral3ForCausalLM", DenseFamilies::ministral3),
          new DecoderFamily("mistral", "MistralForCausalLM", LlamaFamilies::mistral),
          new DecoderFamily("mixtral", "MixtralForCausalLM", LlamaFamilies::mixtral),
          new DecoderFamily("nemotron", "NemotronForCausalLM", DenseFamilies::nemotron),
          new DecoderFamily("olmo", "OlmoForCausalLM", DenseFamilies::olmo),
          new DecoderFamily("olmo2", "Olmo2ForCausalLM", DenseFamilies::olmo2),
          new DecoderFamily("olmo3", "Olmo3ForCausalLM", DenseFamilies::olmo3),
          new DecoderFamily("olmoe", "OlmoeForCausalLM", MixtureFamilies::olmoe),
          new DecoderFamily("opt", "OPTForCausalLM", LayerNormFamilies::opt),
          new DecoderFamily("phi3", "Phi3ForCausalLM", LlamaFamilies::phi3),
          new DecoderFamily("phimoe", "PhimoeForCausalLM", MixtureFamilies::phimoe),
          new DecoderFamily("phimoe", "PhiMoEForCausalLM", MixtureFamilies::phimoe),
          new DecoderFamily("qwen2", "Qwen2ForCausalLM", LlamaFamilies::qwen2),
          new DecoderFamily(
              "qwen2_5_vl", "Qwen2_5_VLForConditionalGeneration", LlamaFamilies::qwen2),
          new DecoderFamily(
              "qwen2_5_vl_text", "Qwen2_5_VLForConditionalGeneration", LlamaFamilies::qwen2),
          new DecoderFamily("qwen2_moe", "Qwen2MoeForCausalLM", LlamaFamilies::qwen2Moe),
          new DecoderFamily("qwen2_vl", "Qwen2VLForConditionalGeneration", LlamaFamilies::qwen2),
          new DecoderFamily(
              "qwen2_vl_text", "Qwen2VLForConditionalGeneration", LlamaFamilies::qwen2),
          new DecoderFamily("qwen3", "Qwen3ForCausalLM", LlamaFamilies::qwen3),
          new DecoderFamily("qwen3_5_text", "Qwen3_5ForCausalLM", HybridFamilies::qwen35),
          new DecoderFamily("qwen3_moe", "Qwen3MoeForCausalLM", LlamaFamilies::qwen3Moe),
          new DecoderFamily("qwen3_next", "Qwen3NextForCausalLM", HybridFamilies::qwen3Next),
          new DecoderFamily(
              "qwen3_vl_text", "Qwen3VLForConditionalGeneration", LlamaFamilies::qwen3),
          new DecoderFamily("seed_oss", "SeedOssForCausalLM", DenseFamilies::seedOss),
          new DecoderFamily("smollm3", "SmolLM3ForCausalLM", DenseFamilies::smollm3),
          new DecoderFamily("stablelm", "StableLmForCausalLM", DenseFamilies::stablelm),
          new DecoderFamily("starcoder2", "Starcoder2ForCausalLM", DenseFamilies::starcoder2));

  private DecoderFamilies() {}

  /** Returns all of them, in the order of their model types. */
  public static List<DecoderFamily> known() {
    return KNOWN;
  }

  public static DecoderShape shape(ModelDirectory model) {
    return of(model.config()).shape(model.config());
  }

  /**
   * Returns the family of a model: by its model type, which its architecture must not contradict,
   * or by its architecture if the config names no type; or that which a file describes.
   *
   * @throws InputException if no family is known, or the weights are quantized in a format that
   *     isn't read
   */
  public static DecoderFamily of(ModelConfig config) {
    if (config.family() != null) {
      config.requireRead();
      return config.family().family();
    }
    for (DecoderFamily family : KNOWN) {
      if (isOf(config.decoder(), family)) {
        config.requireRead();
        return family;
      }
    }
    throw unknown(config.decoder());
  }

  /**
   * Opens a model's decoder; closing it is up to the caller.
   *
   * @throws InputException as {@link #of}, or if the checkpoint isn't the family's
   */
  public static Decoder open(ModelDirectory model, Operations operations) {
    DecoderFamily family = of(model.config());
    requireAllBlocks(model, family.shape(model.config()).blocks());
    return family.open(model, operations, WeightKeeping.WHILE_OPEN);
  }

  /**
   * Describes a model's decoder.
   *
   * @throws InputException as {@link #of}, or if the checkpoint has more blocks, or weights of a
   *     type that isn't known
   */
  public static DecoderDescription describe(ModelDirectory model) {
    DecoderDescription description = of(model.config()).describe(model.config());
    requireAllBlocks(model, description.shape().blocks());
    model.modules().stream()
        .filter(module -> !module.isRead() && !module.further())
        .forEach(module -> module.quantized().requireRead());
    return description;
  }

  private static void requireAllBlocks(ModelDirectory model, int blocks) {
    int last =
        model.modules().stream()
            .filter(module -> !module.further())
            .mapToInt(module -> LinearModules.block(module.name()).orElse(-1))
            .max()
            .orElse(-1);
    if (last >= blocks) {
      throw ErrorDetails.file(model.path().resolve(ModelConfig.FILE_NAME))
          .wrong("as many blocks as there are weights of, %d".formatted(last + 1), blocks);
    }
  }

  /**
   * Opens a model's decoder on several devices; closing it is up to the caller.
   *
   * @param devices run it; they compute the same bits
   */
  public static Decoder open(ModelDirectory model, List<Operations> devices) {
    List<Decoder> copies = new ArrayList<>();
    OnFailure.run(
        () -> copies.forEach(Decoder::close),
        () -> devices.forEach(device -> copies.add(open(model, device))));
    Decoder first = copies.removeFirst();
    if (!copies.isEmpty()) {
      first.add(copies);
    }
    return first;
  }

  private static boolean isOf(ModelConfig config, DecoderFamily family) {
    boolean named = family.architecture().equals(config.architecture());
    return config.modelType().isEmpty()
        ? named
        : family.modelType().equals(config.modelType()) && (named || isBare(config, family));
  }

  /** Returns whether the architecture is the decoder without a head, such as LlamaModel. */
  private static boolean isBare(ModelConfig config, DecoderFamily family) {
    String architecture = config.architecture();
    return architecture.isEmpty()
        || (architecture.endsWith("Model")
            && family.architecture().startsWith(architecture.replaceAll("Model$", "")));
  }

  private static InputException unknown(ModelConfig config) {
    String ofType =
        KNOWN.stream()
            .filter(family -> family.modelType().equals(config.modelType()))
            .map(family -> "%s (%s)".formatted(family.modelType(), family.architecture()))
            .collect(Collectors.joining(", "));
    String names =
        ofType.isEmpty()
            ? KNOWN.stream()
                .map(DecoderFamily::modelType)
                .distinct()
                .collect(Collectors.joining(", "))
            : ofType;
    String found =
        "model_type '%s' with architecture '%s'"
            .formatted(Printable.of(config.modelType()), Printable.of(config.architecture()));
    return new InputException(
        ErrorDetails.file(config.file())
            .expected("one of " + names, found)
            .said("no forward pass for %s; known are %s".formatted(found, names))
            .hint("`family` describes others; " + ModelConfig.WITHOUT_A_PASS));
  }
}
