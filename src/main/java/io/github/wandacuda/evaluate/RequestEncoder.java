package io.github.wandacuda.evaluate;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.model.DecoderShape;
import io.github.wandacuda.text.TokenLists;
import io.github.wandacuda.text.Tokenizer;
import java.util.Arrays;

/**
 * Turns requests into token ids as lm-evaluation-harness does. Where a continuation begins is found
 * by the number of tokens of the context alone, since tokenizers join text across the border.
 */
final class RequestEncoder {
  private final Tokenizer tokenizer;
  private final boolean special;
  private final int prefix;
  private final DecoderShape shape;

  /** Answers of a question mostly have the same context, which needs to be tokenized but once. */
  private String lastContext;

  private int[] lastTokens;

  /**
   * Creates an encoder.
   *
   * @param special whether the tokenizer's special tokens are added, such as BOS
   * @param prefix the token that stands for an empty context
   */
  RequestEncoder(Tokenizer tokenizer, boolean special, int prefix, DecoderShape shape) {
    this.tokenizer = tokenizer;
    this.special = special;
    this.prefix = prefix;
    this.shape = shape;
  }

  /**
   * Encodes a request.
   *
   * @param place where it stands, for messages
   * @throws InputException if the continuation has no token of its own or more than the model has
   *     positions, or an id is outside the vocabulary
   */
  TokenRequest encode(String place, TaskDocument.Choice choice) {
    // A space between the two belongs to the continuation's first token.
    int end = PythonText.endWithoutSpace(choice.context());
    String context = choice.context().substring(0, end);
    String continuation = choice.context().substring(end) + choice.continuation();
    int[] before = context(context);
    int[] whole = tokenizer.encode(context + continuation, special);
    int[] after = Arrays.copyOfRange(whole, Math.min(before.length, whole.length), whole.length);
    if (choice.context().isEmpty() && whole.length > 0 && whole[0] == prefix) {
      after = Arrays.copyOfRange(whole, 1, whole.length);
    } else if (choice.context().isEmpty()) {
      after = whole;
    }
    if (before.length == 0 || choice.context().isEmpty()) {
      before = new int[] {prefix};
    }
    requireFits(place, after.length);
    return cut(place, before, after);
  }

  private int[] context(String context) {
    if (!context.equals(lastContext)) {
      lastTokens = tokenizer.encode(context, special);
      lastContext = context;
    }
    return lastTokens;
  }

  private void requireFits(String place, int length) {
    if (length == 0 || length > shape.maximumLength()) {
      throw ErrorDetails.of(place)
          .wrong(
              "a continuation of 1 to %d tokens, the positions that the model has"
                  .formatted(shape.maximumLength()),
              length);
    }
  }

  /** Leaves out the beginning of what is too long. */
  private TokenRequest cut(String place, int[] before, int[] after) {
    int[] all = Arrays.copyOf(before, before.length + after.length);
    System.arraycopy(after, 0, all, before.length, after.length);
    TokenLists.requireKnown(
        shape.vocabulary(),
        all,
        ErrorDetails.of("%s, tokenized by %s".formatted(place, tokenizer.source())));
    int start = Math.max(0, all.length - 1 - shape.maximumLength());
    return new TokenRequest(Arrays.copyOfRange(all, start, all.length - 1), after);
  }
}
