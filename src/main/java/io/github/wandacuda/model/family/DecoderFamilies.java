package io.github.wandacuda.model.family;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.Suggestion;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.DecoderDescription;
import io.github.wandacuda.model.DecoderFamily;
import io.github.wandacuda.model.DecoderShape;
import io.github.wandacuda.model.LinearModules;
import io.github.wandacuda.model.ModelConfig;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.WeightKeeping;
import io.github.wandacuda.system.OnFailure;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Collectors;

/** The decoder families whose forward pass is known. */
public final class DecoderFamilies {
  /** All families, in the order of their model types. */
  static final List<DecoderFamily> KNOWN =
      List.of(
          styled("apertus", "ApertusForCausalLM", DenseFamilies::apertus),
          styled("arcee", "ArceeForCausalLM", DenseFamilies::arcee),
          new DecoderFamily("bloom", "BloomForCausalLM", LayerNormFamilies::bloom),
          styled("cohere", "CohereForCausalLM", DenseFamilies::cohere),
          styled("cohere2", "Cohere2ForCausalLM", DenseFamilies::cohere2),
          styled("cwm", "CwmForCausalLM", DenseFamilies::cwm),
          styled("deepseek_v2", "DeepseekV2ForCausalLM", MixtureFamilies::deepseekV2),
          styled("deepseek_v3", "DeepseekV3ForCausalLM", MixtureFamilies::deepseekV3),
          styled("ernie4_5", "Ernie4_5ForCausalLM", DenseFamilies::ernie),
          styled("ernie4_5_moe", "Ernie4_5_MoeForCausalLM", MixtureFamilies::ernieMoe),
          styled("exaone4", "Exaone4ForCausalLM", DenseFamilies::exaone4),
          new DecoderFamily("falcon", "FalconForCausalLM", LayerNormFamilies::falcon),
          styled("gemma", "GemmaForCausalLM", LlamaFamilies::gemma),
          styled("gemma2", "Gemma2ForCausalLM", LlamaFamilies::gemma2),
          styled("gemma3_text", "Gemma3ForCausalLM", DenseFamilies::gemma3),
          styled("glm", "GlmForCausalLM", DenseFamilies::glm),
          styled("glm4", "Glm4ForCausalLM", DenseFamilies::glm4),
          styled("glm4_moe", "Glm4MoeForCausalLM", MixtureFamilies::glm4Moe),
          styled("glm4_moe_lite", "Glm4MoeLiteForCausalLM", MixtureFamilies::glm4MoeLite),
          new DecoderFamily("gpt2", "GPT2LMHeadModel", LayerNormFamilies::gpt2),
          new DecoderFamily("gpt_neox", "GPTNeoXForCausalLM", LayerNormFamilies::gptNeox),
          styled("gpt_oss", "GptOssForCausalLM", MixtureFamilies::gptOss),
          styled("granite", "GraniteForCausalLM", DenseFamilies::granite),
          styled("granitemoe", "GraniteMoeForCausalLM", MixtureFamilies::graniteMoe),
          styled("granitemoeshared", "GraniteMoeSharedForCausalLM", MixtureFamilies::graniteMoe),
          styled("helium", "HeliumForCausalLM", DenseFamilies::helium),
          styled("hunyuan_v1_dense", "HunYuanDenseV1ForCausalLM", DenseFamilies::hunyuan),
          styled("kimi_k2", "DeepseekV3ForCausalLM", MixtureFamilies::deepseekV3),
          styled("llama", "LlamaForCausalLM", LlamaFamilies::llama),
          styled("llama4_text", "Llama4ForCausalLM", MixtureFamilies::llama4),
          styled("minimax_m2", "MiniMaxM2ForCausalLM", MixtureFamilies::minimaxM2),
          styled("ministral", "MinistralForCausalLM", LlamaFamilies::mistral),
          styled("ministral3", "Ministral3ForCausalLM", DenseFamilies::ministral3),
          styled("mistral", "MistralForCausalLM", LlamaFamilies::mistral),
          styled("mixtral", "MixtralForCausalLM", LlamaFamilies::mixtral),
          styled("nemotron", "NemotronForCausalLM", DenseFamilies::nemotron),
          styled("olmo", "OlmoForCausalLM", DenseFamilies::olmo),
          styled("olmo2", "Olmo2ForCausalLM", DenseFamilies::olmo2),
          styled("olmo3", "Olmo3ForCausalLM", DenseFamilies::olmo3),
          styled("olmoe", "OlmoeForCausalLM", MixtureFamilies::olmoe),
          new DecoderFamily("opt", "OPTForCausalLM", LayerNormFamilies::opt),
          styled("phi3", "Phi3ForCausalLM", LlamaFamilies::phi3),
          styled("phimoe", "PhimoeForCausalLM", MixtureFamilies::phimoe),
          styled("phimoe", "PhiMoEForCausalLM", MixtureFamilies::phimoe),
          styled("qwen2", "Qwen2ForCausalLM", LlamaFamilies::qwen2),
          styled("qwen2_5_vl", "Qwen2_5_VLForConditionalGeneration", LlamaFamilies::qwen2),
          styled("qwen2_5_vl_text", "Qwen2_5_VLForConditionalGeneration", LlamaFamilies::qwen2),
          styled("qwen2_moe", "Qwen2MoeForCausalLM", LlamaFamilies::qwen2Moe),
          styled("qwen2_vl", "Qwen2VLForConditionalGeneration", LlamaFamilies::qwen2),
          styled("qwen2_vl_text", "Qwen2VLForConditionalGeneration", LlamaFamilies::qwen2),
          styled("qwen3", "Qwen3ForCausalLM", LlamaFamilies::qwen3),
          styled("qwen3_5_text", "Qwen3_5ForCausalLM", HybridFamilies::qwen35),
          styled("qwen3_moe", "Qwen3MoeForCausalLM", LlamaFamilies::qwen3Moe),
          styled("qwen3_next", "Qwen3NextForCausalLM", HybridFamilies::qwen3Next),
          styled("qwen3_vl_text", "Qwen3VLForConditionalGeneration", LlamaFamilies::qwen3),
          styled("seed_oss", "SeedOssForCausalLM", DenseFamilies::seedOss),
          styled("smollm3", "SmolLM3ForCausalLM", DenseFamilies::smollm3),
          styled("stablelm", "StableLmForCausalLM", DenseFamilies::stablelm),
          styled("starcoder2", "Starcoder2ForCausalLM", DenseFamilies::starcoder2));

  private DecoderFamilies() {}

  /**
   * Creates a family in LLaMA's style.
   *
   * @param style describes what differs, from a model's config
   */
  private static DecoderFamily styled(
      String modelType, String architecture, Function<ModelConfig, LlamaStyle> style) {
    return new DecoderFamily(modelType, architecture, config -> style.apply(config).decoder());
  }

  /**
   * Returns the sizes of a model's decoder, from its config alone.
   *
   * @throws InputException as {@link #of}
   */
  public static DecoderShape shape(ModelDirectory model) {
    return of(model.config()).shape(model.config());
  }

  /** Returns how many tokens of samples run through a block of a model together. */
  public static int batchTokens(ModelDirectory model) {
    return of(model.config()).describe(model.config()).batchTokens();
  }

  /**
   * Finds a model's family: by its model type, which its architecture must not contradict; by its
   * architecture if the config names no type; or the family that a file describes.
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
   * Opens a model's decoder.
   *
   * @param operations run it, and stay the caller's
   * @return the caller's to close
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
   * @throws InputException as {@link #of}, or if the checkpoint has more blocks than the config
   *     says, or weights of an unknown type
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
   * Opens a model's decoder on several devices.
   *
   * @param devices run it; they compute the same bits, and stay the caller's
   * @return the caller's to close
   * @throws InputException as {@link #of}, or if the checkpoint isn't the family's
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
    List<String> meant =
        Suggestion.nearest(
            config.modelType(), KNOWN.stream().map(DecoderFamily::modelType).distinct().toList());
    String known =
        meant.isEmpty() || !ofType.isEmpty()
            ? "known are " + names
            : "did you mean %s?".formatted(String.join(" or ", meant));
    return new InputException(
        ErrorDetails.file(config.file())
            .expected("one of " + names, found)
            .said("no forward pass for %s; %s".formatted(found, known))
            .hint("`family` describes others; " + ModelConfig.WITHOUT_A_PASS));
  }
}
