package io.github.wandacuda.cli;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.cli.option.BackendOptions;
import io.github.wandacuda.cli.option.OutputOptions;
import io.github.wandacuda.cli.option.TextModelOption;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.evaluate.CachedDecoder;
import io.github.wandacuda.evaluate.Generation;
import io.github.wandacuda.evaluate.Sampler;
import io.github.wandacuda.evaluate.SpecialTokens;
import io.github.wandacuda.evaluate.TextStream;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.job.estimate.GenerateNeeds;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.DecoderFamily;
import io.github.wandacuda.model.DecoderShape;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.text.TokenLists;
import io.github.wandacuda.text.Tokenizer;
import io.github.wandacuda.text.TokenizerProcess;
import io.github.wandacuda.text.Utf8;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Writes on from a prompt, token by token, with keys and values of earlier tokens kept. */
@Command(
    name = "generate",
    description = "Writes what a model makes of a prompt, token by token.",
    footer = {
      "  wanda-cuda generate --model org/model --prompt 'Once upon a time' \\",
      "      --tokens 64"
    })
final class GenerateCommand extends Subcommand {
  @Mixin private TextModelOption model;
  @Mixin private PromptOptions prompt;

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

  @Mixin private BackendOptions backends;

  @Override
  public void run() {
    backends.check();
    backends.warnOfIdle(output);
    prompt.check(output);
    check();
    long began = System.nanoTime();
    try (ModelDirectory directory = model.open(output)) {
      DecoderFamily family = DecoderFamilies.of(directory.config());
      DecoderShape shape = family.shape(directory.config());
      Set<Integer> ends = SpecialTokens.ends(directory.config());
      try (PromptOptions.Prompt given = prompt.read(directory, shape)) {
        int limit = limit(given.ids().length, shape);
        try (Backend backend = backends.open(output)) {
          Operations operations = backend.operations();
          int length = given.ids().length + limit;
          GenerateNeeds.Keeping keeping = GenerateNeeds.keeping(directory, operations, length);
          keeping.why().ifPresent(output::say);
          try (Decoder decoder = family.open(directory, operations, keeping.weights());
              CachedDecoder cached = new CachedDecoder(decoder, length)) {
            double load = (System.nanoTime() - began) / 1e9;
            long bytes = keeping.tokenBytes(directory, operations);
            generate(cached, given, limit, ends, load, bytes);
          }
        }
      }
    }
  }

  private void check() {
    if (tokens < 1) {
      throw ErrorDetails.of("--tokens").refused("1 or more", tokens);
    }
    Sampler unused = Sampler.of(temperature, topP, seed);
  }

  private int limit(int promptTokens, DecoderShape shape) {
    int room = shape.maximumLength() - promptTokens;
    if (tokens > room) {
      output.warn(
          "--tokens %d: %d fit after %d of the prompt, into the %d positions that the model has"
              .formatted(tokens, room, promptTokens, shape.maximumLength()));
    }
    return Math.min(tokens, room);
  }

  private void generate(
      CachedDecoder decoder,
      PromptOptions.Prompt given,
      int limit,
      Set<Integer> ends,
      double load,
      long bytes) {
    Sampler sampler = Sampler.of(temperature, topP, seed);
    if (given.tokenizer() == null) {
      Generation generation = Generation.run(decoder, given.ids(), limit, sampler, ends, id -> {});
      print(given, generation, null, load, bytes);
      return;
    }
    TextStream stream = new TextStream(given.tokenizer(), given.ids());
    StringBuilder text = new StringBuilder();
    Generation generation =
        Generation.run(
            decoder, given.ids(), limit, sampler, ends, id -> write(stream.add(id), text));
    write(stream.end(), text);
    print(given, generation, text.toString(), load, bytes);
  }

  private void write(String piece, StringBuilder text) {
    text.append(piece);
    output.stream(piece);
  }

  /** Prints a generation; its text is null where there is no tokenizer, and its ids stand there. */
  private void print(
      PromptOptions.Prompt given, Generation generation, String text, double load, long bytes) {
    double total = totalSeconds();
    Map<String, Object> seconds = new LinkedHashMap<>();
    seconds.put("total", total);
    seconds.put("load", load);
    seconds.put("prompt", generation.promptSeconds());
    seconds.put("decode", generation.decodeSeconds());
    seconds.put("other", total - load - generation.promptSeconds() - generation.decodeSeconds());
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("prompt_tokens", given.ids().length);
    object.put("tokens", generation.tokens());
    object.put("text", text);
    object.put("seconds", seconds);
    object.put("tokens_per_second", generation.tokensPerSecond());
    object.put("bytes_per_token", bytes);
    String ids = generation.tokens().stream().map(String::valueOf).collect(Collectors.joining(" "));
    output.result(object, () -> Stream.of(text == null ? ids : ""));
    output.say(
        "%d tokens after %d: prompt %.2f s, then %.2f tokens a second, %.1f MB of weights a token"
            .formatted(
                generation.tokens().size(),
                given.ids().length,
                generation.promptSeconds(),
                generation.tokensPerSecond(),
                bytes / 1e6));
  }

  private static final class PromptOptions {
    /**
     * Bytes of a prompt from standard input at most; no model has positions for a tenth of that.
     */
    private static final int LONGEST = 100_000_000;

    @Option(
        names = "--prompt",
        paramLabel = "TEXT|-",
        description = "What to go on with, or - for standard input, to its last line break.")
    private String text;

    @Option(
        names = "--prompt-tokens",
        paramLabel = "FILE",
        description = "A .json list of token ids instead; needs no tokenizer.")
    private Path tokens;

    /** A prompt of one token or more, and the model's tokenizer, or null if it has none. */
    @SuppressWarnings("ArrayRecordComponent") // Handed on as it is, never compared.
    public record Prompt(int[] ids, Tokenizer tokenizer) implements AutoCloseable {
      @Override
      public void close() {
        if (tokenizer != null) {
          tokenizer.close();
        }
      }
    }

    void check(OutputOptions output) {
      output.exclude("--prompt", "--prompt-tokens");
      if (text == null && tokens == null) {
        throw new UsageException("generate needs --prompt TEXT or --prompt-tokens FILE");
      }
      if (text != null && Utf8.hasLoneSurrogate(text)) {
        throw new UsageException("--prompt: expected text, found half a surrogate pair");
      }
    }

    /**
     * Reads the prompt and opens the model's tokenizer. A prompt has a token at least, fewer than
     * the model has positions, and none outside its vocabulary.
     */
    public Prompt read(ModelDirectory directory, DecoderShape shape) {
      boolean needed = tokens == null || directory.tokenizer().isThere();
      Tokenizer tokenizer = needed ? TokenizerProcess.open(directory.tokenizer()) : null;
      try {
        int[] ids = tokens == null ? tokenizer.encode(text()) : ids();
        ErrorDetails where =
            tokens == null ? ErrorDetails.of("`prompt`") : ErrorDetails.file(tokens);
        TokenLists.requirePrompt(shape.maximumLength(), shape.vocabulary(), ids, where);
        return new Prompt(ids, tokenizer);
      } catch (RuntimeException | Error e) {
        if (tokenizer != null) {
          tokenizer.close();
        }
        throw e;
      }
    }

    private int[] ids() {
      List<int[]> lists = TokenLists.readOne(tokens);
      if (lists.size() != 1) {
        throw ErrorDetails.file(tokens)
            .wrong("one list of token ids", lists.isEmpty() ? "none" : "several");
      }
      return lists.getFirst();
    }

    private String text() {
      if (!text.equals("-")) {
        return text;
      }
      ErrorDetails where = ErrorDetails.of("standard input");
      try {
        byte[] bytes = System.in.readNBytes(LONGEST);
        String all = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
        return all.replaceFirst("\r?\n\\z", "");
      } catch (CharacterCodingException e) {
        throw where.wrong("UTF-8", "bytes that are none", e);
      } catch (IOException e) {
        throw where.wrong("a prompt", "that " + Printable.reason(e), e);
      }
    }
  }
}
