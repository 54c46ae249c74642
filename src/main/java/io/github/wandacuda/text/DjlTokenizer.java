package io.github.wandacuda.text;

import ai.djl.engine.EngineException;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import ai.djl.huggingface.tokenizers.jni.LibUtils;
import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.io.JsonTree;
import io.github.wandacuda.system.PrivateDirectory;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The tokenizer of a {@code tokenizer.json}, run by Hugging Face's own library through DJL.
 *
 * <p>No other file is read. Truncation and padding that the file asks for are turned off. {@code
 * tokenizer_config.json} is ignored, because by it DJL would change the text and drop special
 * tokens in ways that the original library doesn't.
 *
 * @param file that it was read from, for messages
 * @param tokenizer holds native memory, freed by {@link #close}
 */
public record DjlTokenizer(Path file, HuggingFaceTokenizer tokenizer) implements Tokenizer {
  private static final String POST_PROCESSOR = "post_processor";

  /** The parts that change a text, before it is tokenized and when tokens become text. */
  private static final List<String> GROWING = List.of("normalizer", "decoder");

  private static final Set<String> PARTS = Set.of("normalizer", "decoder", POST_PROCESSOR);

  private static final JsonFactory FACTORY = new JsonFactory();

  private static final Map<String, String> OPTIONS =
      Map.of("truncation", "do_not_truncate", "padding", "do_not_pad");

  /**
   * Opens a tokenizer. Nothing is read from the network.
   *
   * @return a tokenizer for the caller to close
   * @throws InputException if there is none, or it is unreadable or no tokenizer, or would make
   *     texts very much longer, see {@link TextGrowth}
   * @throws BackendUnavailableException if the native library can't be unpacked or loaded
   */
  public static DjlTokenizer open(TokenizerSource source) {
    return open(source.file(), source.json());
  }

  /**
   * Opens a tokenizer as {@link #open(TokenizerSource)} does.
   *
   * @param file that it was read from, for messages
   * @param json the {@code tokenizer.json}
   */
  static DjlTokenizer open(Path file, byte[] json) {
    Path unused =
        InputFile.reading(
            file,
            () -> {
              check(file, json);
              return file;
            });
    NativeTokenizers.load();
    try {
      return new DjlTokenizer(
          file, HuggingFaceTokenizer.newInstance(new ByteArrayInputStream(json), OPTIONS));
    } catch (IOException | RuntimeException e) {
      throw ErrorDetails.file(file)
          .broken("not a tokenizer that can be used: " + Printable.firstLine(e), e);
    }
  }

  /** Checks what the native library doesn't. */
  private static void check(Path file, byte[] json) throws IOException {
    try {
      Map<String, JsonNode> parts = parts(json);
      for (String part : GROWING) {
        if (parts.containsKey(part)) {
          TextGrowth.requireBounded(ErrorDetails.part(file, part), parts.get(part));
        }
      }
      Optional<String> undefined =
          undefinedToken(parts.getOrDefault(POST_PROCESSOR, MissingNode.getInstance()));
      if (undefined.isPresent()) {
        throw new InputException(
            ErrorDetails.file(file)
                .said(
                    "post_processor adds the special token %s, which its special_tokens don't define"
                        .formatted(Printable.of(undefined.get()))));
      }
    } catch (JsonProcessingException e) {
      throw JsonTree.notJson(ErrorDetails.file(file), e);
    }
  }

  @Override
  public int[] encode(String text, boolean special) {
    if (Utf8.hasLoneSurrogate(text)) {
      throw new IllegalArgumentException("the text holds half a surrogate pair");
    }
    long handle = tokenizer.getHandle();
    try {
      return Arrays.stream(ids(handle, text, special)).mapToInt(Math::toIntExact).toArray();
    } catch (RuntimeException e) {
      throw ErrorDetails.file(file).broken("cannot encode the text: " + Printable.firstLine(e), e);
    }
  }

  /** Fetches the ids alone, since the text and the span of each token take far more memory. */
  private static long[] ids(long handle, String text, boolean special) {
    long encoding = TokenizersLibrary.LIB.encode(handle, text, special);
    try {
      return TokenizersLibrary.LIB.getTokenIds(encoding);
    } finally {
      TokenizersLibrary.LIB.deleteEncoding(encoding);
    }
  }

  @Override
  public String decode(int[] ids) {
    long[] wide = Arrays.stream(ids).asLongStream().toArray();
    try {
      return TokenizersLibrary.LIB.decode(tokenizer.getHandle(), wide, true);
    } catch (RuntimeException e) {
      throw ErrorDetails.file(file).broken("cannot decode ids: " + Printable.firstLine(e), e);
    }
  }

  @Override
  public String source() {
    return file.toString();
  }

  @Override
  public void close() {
    tokenizer.close();
  }

  /**
   * Returns parts of a {@code tokenizer.json} by their keys; the vocabulary, which may be large, is
   * passed over.
   *
   * @throws com.fasterxml.jackson.core.JsonProcessingException if the bytes aren't JSON
   */
  private static Map<String, JsonNode> parts(byte[] tokenizerJson) throws IOException {
    Map<String, JsonNode> parts = new HashMap<>();
    try (JsonParser parser = FACTORY.createParser(tokenizerJson)) {
      parser.nextToken();
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String key = parser.currentName();
        parser.nextToken();
        if (PARTS.contains(key)) {
          parts.put(key, JsonTree.value(parser));
        } else {
          parser.skipChildren();
        }
      }
    }
    return parts;
  }

  /**
   * Returns the first special token that the post-processor of a {@code tokenizer.json} adds but
   * doesn't define. The native library does not report that: it ends the process when it encodes.
   */
  private static Optional<String> undefinedToken(JsonNode processor) {
    for (JsonNode part : processor.path("processors")) {
      Optional<String> undefined = undefinedToken(part);
      if (undefined.isPresent()) {
        return undefined;
      }
    }
    JsonNode defined = processor.path("special_tokens");
    for (JsonNode piece : processor.path("single")) {
      JsonNode token = piece.path("SpecialToken").path("id");
      if (token.isTextual() && !defined.has(token.textValue())) {
        return Optional.of(token.textValue());
      }
    }
    return Optional.empty();
  }

  /** Loads DJL's native tokenizer library, without network or telemetry. */
  private static final class NativeTokenizers {
    private static final String CACHE = "ENGINE_CACHE_DIR";
    private static final String OTHER_CACHE = "DJL_CACHE_DIR";

    private NativeTokenizers() {}

    /**
     * Loads the library unless this JVM already has it.
     *
     * <p>DJL unpacks it below the user's home, once for all processes, and loads what it finds
     * there. If that folder can't be written, or others could have put something there, DJL gets a
     * private folder in the temporary directory, which is deleted once the library is loaded. By
     * itself DJL would use a folder there that anybody may have made before.
     *
     * @throws BackendUnavailableException if there is no library for this platform, or it can't be
     *     unpacked or loaded
     */
    static synchronized void load() {
      if (!isGiven("DJL_OFFLINE")) {
        setUnlessGiven("ai.djl.offline", "true");
      }
      setUnlessGiven("OPT_OUT_TRACKING", "true");
      setUnlessGiven("RUST_FLAVOR", "cpu");
      if (isGiven(CACHE) || isGiven(OTHER_CACHE)) {
        requirePrivate();
        check();
      } else if (homeIsUsable()) {
        check();
      } else {
        checkInPrivateDirectory();
      }
    }

    /** Checks that others can't write to the folder that the user has named for the library. */
    private static void requirePrivate() {
      Path folder = Path.of(isGiven(CACHE) ? given(CACHE) : given(OTHER_CACHE));
      try {
        if (!isOnlyMine(folder)) {
          throw new BackendUnavailableException(
              "%s: expected a folder that only you can write to, to load a library from"
                  .formatted(folder));
        }
      } catch (IOException e) {
        throw unavailable(e);
      }
    }

    /** Returns whether others can't have put a library into a cache, which is made if missing. */
    private static boolean isOnlyMine(Path cache) throws IOException {
      Path libraries = Files.createDirectories(cache.resolve("tokenizers"));
      return Files.isWritable(libraries) && PrivateDirectory.isOnlyMine(libraries);
    }

    /** Loads the library from a private folder, which is deleted then. */
    private static void checkInPrivateDirectory() {
      try (PrivateDirectory folder = PrivateDirectory.create("wanda-cuda-tokenizers")) {
        System.setProperty(CACHE, folder.path().toString());
        check();
      } catch (IOException e) {
        throw unavailable(e);
      } finally {
        System.clearProperty(CACHE);
      }
    }

    private static void check() {
      try {
        LibUtils.checkStatus();
      } catch (EngineException | LinkageError e) {
        throw unavailable(e);
      }
    }

    private static BackendUnavailableException unavailable(Throwable failure) {
      Throwable root = failure;
      while (root.getCause() != null) {
        root = root.getCause();
      }
      return new BackendUnavailableException(
          "the tokenizer library for %s %s cannot be unpacked or loaded: %s"
              .formatted(
                  System.getProperty("os.name"),
                  System.getProperty("os.arch"),
                  Printable.firstLine(root)),
          failure);
    }

    private static void setUnlessGiven(String name, String value) {
      if (!isGiven(name)) {
        System.setProperty(name, value);
      }
    }

    private static boolean isGiven(String name) {
      return !given(name).isEmpty();
    }

    /**
     * Returns the value of an environment variable, or else of the property of that name; empty if
     * neither is set.
     */
    private static String given(String name) {
      String variable = System.getenv(name);
      return variable != null && !variable.isEmpty() ? variable : System.getProperty(name, "");
    }

    private static boolean homeIsUsable() {
      Path home = Path.of(System.getProperty("user.home", ""));
      // DJL leaves the home alone unless it can write there, whatever is in it already.
      if (!home.isAbsolute() || !Files.isWritable(home)) {
        return false;
      }
      try {
        return isOnlyMine(home.resolve(".djl.ai"));
      } catch (IOException e) {
        return false;
      }
    }
  }
}
