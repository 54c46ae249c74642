package io.github.wandacuda.cli;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.evaluate.CachedDecoder;
import io.github.wandacuda.evaluate.Generation;
import io.github.wandacuda.evaluate.PrefixToken.EndTokens;
import io.github.wandacuda.evaluate.Sampler;
import io.github.wandacuda.evaluate.TextStream;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.DecoderFamilies;
import io.github.wandacuda.model.DecoderFamily;
import io.github.wandacuda.model.DecoderShape;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.WeightKeeping;
import io.github.wandacuda.text.Tokenizer;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Writes text with a model. */
@Command(
    name = "generate",
    description = "Writes what a model makes of a prompt, token by token.",
    footerHeading = "%n",
    footer = {
      "  wanda-cuda generate --model org/model --prompt 'Once upon a time' \\",
      "      --tokens 64"
    },
    mixinStandardHelpOptions = true)
final class GenerateCommand implements Runnable {
  private static final double NANOS = 1e9;
  private static final double MEGABYTE = 1e6;

  @Mixin private ModelOption model;
  @Mixin private PromptOptions prompt;
  @Mixin private SamplerOptions sampler;
  @Mixin private BackendOptions backends;
  @Mixin private OutputOptions output;

  private final CommandClock clock = new CommandClock();

  @Override
  public void run() {
    backends.check();
    backends.warnOfIdle(output);
    prompt.check();
    sampler.check();
    long began = System.nanoTime();
    try (ModelDirectory directory = model.open()) {
      DecoderShape shape = DecoderFamilies.of(directory.config()).shape(directory.config());
      Set<Integer> ends = EndTokens.of(directory.config());
      ModelSummary.say(directory, output);
      try (PromptOptions.Prompt given = prompt.read(directory, shape)) {
        int limit = limit(given.ids().length, shape);
        try (Backend backend = backends.open(output).backend()) {
          if (backend.precision().isPresent() && backend.residentPrecision().isEmpty()) {
            output.warnIfGiven(backend.name() + " generates in float32", BackendOptions.PRECISION);
          }
          Operations operations = backend.operations();
          GenerateNeeds.require(directory, operations, given.ids().length, limit);
          write(directory, operations, given, new Limits(limit, ends), began);
        }
      }
    }
  }

  /** Where a generation ends: after so many tokens, or at one of these. */
  private record Limits(int tokens, Set<Integer> ends) {}

  private void write(
      ModelDirectory directory,
      Operations operations,
      PromptOptions.Prompt given,
      Limits limits,
      long began) {
    DecoderFamily family = DecoderFamilies.of(directory.config());
    int positions = given.ids().length + limits.tokens();
    try (Decoder decoder =
            family.open(
                directory.config(), directory.checkpoint(), operations, WeightKeeping.RESIDENT);
        CachedDecoder cached = new CachedDecoder(decoder, operations, positions)) {
      double load = (System.nanoTime() - began) / NANOS;
      long bytes = GenerateNeeds.tokenBytes(directory, operations);
      print(given, generate(cached, given, limits.tokens(), limits.ends()), load, bytes);
    }
  }

  /** Returns the new tokens that there are positions for. */
  private int limit(int promptTokens, DecoderShape shape) {
    int room = shape.maximumLength() - promptTokens;
    if (sampler.tokens() > room) {
      output.warn(
          "--tokens %d: %d fit after %d of the prompt, into the %d positions that the model has"
              .formatted(sampler.tokens(), room, promptTokens, shape.maximumLength()));
    }
    return Math.min(sampler.tokens(), room);
  }

  /** The generation and its text, which is null where there is no tokenizer. */
  private record Written(Generation generation, String text) {}

  private Written generate(
      CachedDecoder decoder, PromptOptions.Prompt given, int limit, Set<Integer> ends) {
    Tokenizer tokenizer = given.tokenizer();
    if (tokenizer == null) {
      return new Written(
          Generation.run(decoder, given.ids(), limit, sampler.sampler(), ends, id -> {}), null);
    }
    TextStream stream = new TextStream(tokenizer, given.ids());
    StringBuilder text = new StringBuilder();
    Generation generation =
        Generation.run(
            decoder,
            given.ids(),
            limit,
            sampler.sampler(),
            ends,
            id -> write(stream.add(id), text));
    write(stream.end(), text);
    return new Written(generation, text.toString());
  }

  private void write(String piece, StringBuilder text) {
    text.append(piece);
    output.stream(piece);
  }

  private void print(PromptOptions.Prompt given, Written written, double load, long bytes) {
    Generation generation = written.generation();
    double total = clock.total();
    Map<String, Object> seconds = new LinkedHashMap<>();
    seconds.put("total", total);
    seconds.put("load", load);
    seconds.put("prompt", generation.promptSeconds());
    seconds.put("decode", generation.decodeSeconds());
    seconds.put("other", total - load - generation.promptSeconds() - generation.decodeSeconds());
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("prompt_tokens", given.ids().length);
    object.put("tokens", generation.tokens());
    object.put("text", written.text());
    object.put("seconds", seconds);
    object.put("tokens_per_second", generation.tokensPerSecond());
    object.put("bytes_per_token", bytes);
    output.result(object, () -> Stream.of(written.text() == null ? ids(generation) : ""));
    output.say(
        "%d tokens after %d: prompt %.2f s, then %.2f tokens a second, %.1f MB of weights a token"
            .formatted(
                generation.tokens().size(),
                given.ids().length,
                generation.promptSeconds(),
                generation.tokensPerSecond(),
                bytes / MEGABYTE));
  }

  /** Returns the new ids, which stand for the text of a model without a tokenizer. */
  private static String ids(Generation generation) {
    return generation.tokens().stream().map(String::valueOf).collect(Collectors.joining(" "));
  }

  /** Options for how many tokens are generated, and how each is chosen. */
  private static final class SamplerOptions {
    @Option(
        names = "--tokens",
        paramLabel = "N",
        defaultValue = "128",
        description = "New tokens at most (default: ${DEFAULT-VALUE}).")
    private int tokens;

    @Option(
        names = "--temperature",
        paramLabel = "T",
        defaultValue = "0",
        description =
            "What logits are divided by; 0 takes the likeliest (default: ${DEFAULT-VALUE}).")
    private double temperature;

    @Option(
        names = "--top-p",
        paramLabel = "P",
        defaultValue = "1",
        description =
            "Draw from the likeliest tokens of this probability (default: ${DEFAULT-VALUE}).")
    private double topP;

    @Option(
        names = "--seed",
        paramLabel = "N",
        defaultValue = "0",
        description = "The seed of the draws (default: ${DEFAULT-VALUE}).")
    private long seed;

    /**
     * Checks the options.
     *
     * @throws UsageException if a value is out of range
     */
    public void check() {
      if (tokens < 1) {
        throw wrong("--tokens", "1 or more", tokens);
      }
      if (!(temperature >= 0) || Double.isInfinite(temperature)) {
        throw wrong("--temperature", "0 or more", temperature);
      }
      if (!(topP > 0) || topP > 1) {
        throw wrong("--top-p", "more than 0 and at most 1", topP);
      }
    }

    private static UsageException wrong(String option, String expected, Object found) {
      return ErrorDetails.of(option).refused(expected, found);
    }

    /** Returns the most new tokens. */
    public int tokens() {
      return tokens;
    }

    /** Returns a new sampler, at the beginning of its draws. */
    public Sampler sampler() {
      return Sampler.of(temperature, topP, seed);
    }
  }
}
