package io.github.wandacuda.text;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
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
import io.github.wandacuda.io.HeapBudget;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.io.JsonTree;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;

/**
 * The tokenizer of a {@code tokenizer.json}, run by Hugging Face's own library through DJL.
 *
 * <p>No other file is read. Truncation and padding that the file asks for are turned off. {@code
 * tokenizer_config.json} is ignored, because by it DJL would change the text and drop special
 * tokens in ways that the original library doesn't.
 */
public final class DjlTokenizer implements Tokenizer {
  /** In bytes, twice the size of the largest vocabularies. */
  private static final int LONGEST = 100_000_000;

  private static final JsonFactory FACTORY = new JsonFactory();

  private static final Map<String, String> OPTIONS =
      Map.of("truncation", "do_not_truncate", "padding", "do_not_pad");

  private final Path file;
  private final HuggingFaceTokenizer tokenizer;

  private DjlTokenizer(Path file, HuggingFaceTokenizer tokenizer) {
    this.file = file;
    this.tokenizer = tokenizer;
  }

  /**
   * Opens {@code tokenizer.json} of a model directory. Nothing is read from the network.
   *
   * @throws InputException if the file is missing, unreadable or no tokenizer
   * @throws BackendUnavailableException if the native library can't be unpacked or loaded
   */
  public static DjlTokenizer open(Path modelDirectory) {
    Path file = modelDirectory.resolve("tokenizer.json");
    byte[] json = checked(file);
    NativeTokenizers.load();
    try {
      return new DjlTokenizer(
          file, HuggingFaceTokenizer.newInstance(new ByteArrayInputStream(json), OPTIONS));
    } catch (IOException | RuntimeException e) {
      throw new InputException(
          ErrorDetails.file(file)
              .said("not a tokenizer that can be used: " + InputFailures.firstLine(e)),
          e);
    }
  }

  private static byte[] checked(Path file) {
    try {
      byte[] json = HeapBudget.within(file, () -> bytes(file));
      Optional<String> undefined = HeapBudget.within(file, () -> undefinedToken(json));
      if (undefined.isPresent()) {
        throw new InputException(
            ErrorDetails.file(file)
                .said(
                    "post_processor adds the special token %s, which its special_tokens don't define"
                        .formatted(Printable.of(undefined.get()))));
      }
      return json;
    } catch (JsonProcessingException e) {
      throw InputFailures.notJson(ErrorDetails.file(file), e);
    } catch (NoSuchFileException e) {
      throw new InputException(
          ErrorDetails.file(file)
              .expected("the model's tokenizer.json", "no such file or folder")
              .said("cannot be read: no such file or folder")
              .hint(withoutTokenizer(file)),
          e);
    } catch (IOException e) {
      throw InputFailures.unreadable(file, e);
    }
  }

  private static String withoutTokenizer(Path file) {
    return Files.exists(file.resolveSibling("tokenizer.model"))
        ? "there is a tokenizer.model alone: let transformers make the other of it"
            + " (AutoTokenizer.from_pretrained, then save_pretrained)"
        : "copy it here from where the model came from; only text needs it, token ids (.json)"
            + " don't";
  }

  private static byte[] bytes(Path file) throws IOException {
    try (InputStream in = InputFile.stream(file)) {
      byte[] bytes = in.readNBytes(LONGEST + 1);
      if (bytes.length > LONGEST) {
        throw ErrorDetails.file(file).wrong("at most %d bytes".formatted(LONGEST), "more");
      }
      return bytes;
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
      throw new InputException(
          ErrorDetails.file(file).said("cannot encode the text: " + InputFailures.firstLine(e)), e);
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
      throw new InputException(
          ErrorDetails.file(file).said("cannot decode ids: " + InputFailures.firstLine(e)), e);
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
   * Returns the first special token that the post-processor of a {@code tokenizer.json} adds but
   * doesn't define. The native library does not report that: it ends the process when it encodes.
   *
   * @throws com.fasterxml.jackson.core.JsonProcessingException if the bytes aren't JSON
   */
  private static Optional<String> undefinedToken(byte[] tokenizerJson) throws IOException {
    try (JsonParser parser = FACTORY.createParser(tokenizerJson)) {
      return undefinedToken(postProcessor(parser));
    }
  }

  private static JsonNode postProcessor(JsonParser parser) throws IOException {
    JsonNode found = MissingNode.getInstance();
    parser.nextToken();
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      boolean wanted = parser.currentName().equals("post_processor");
      parser.nextToken();
      if (wanted) {
        found = JsonTree.value(parser);
      } else {
        parser.skipChildren();
      }
    }
    return found;
  }

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
}
