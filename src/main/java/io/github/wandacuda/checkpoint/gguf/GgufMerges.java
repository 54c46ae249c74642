package io.github.wandacuda.checkpoint.gguf;

import io.github.wandacuda.error.Printable;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * Which two neighbouring tokens become one, the first first: of all pairs in a text the one that
 * stands earliest here is merged, until none is left.
 */
final class GgufMerges {
  private static final String KEY = "tokenizer.ggml.merges";

  /** More than any piece of SentencePiece, which by default has at most 16 characters. */
  private static final int LONGEST = 512;

  /** As many as the largest {@code tokenizer.json} that is read has bytes. */
  private static final long MOST_CHARACTERS = 100_000_000;

  private GgufMerges() {}

  /** Two tokens that become one. */
  record Merge(String left, String right) {}

  /**
   * Reads the merges that a file lists as texts, each of two tokens with a space between them.
   *
   * @throws io.github.wandacuda.error.InputException if there are none, one has no space, or a
   *     token isn't in the vocabulary
   */
  static Collection<Merge> listed(GgufKeys keys, GgufVocabulary vocabulary) {
    // Of two equal ones the first counts.
    Set<Merge> merges = new LinkedHashSet<>();
    List<String> texts = keys.texts(KEY);
    for (int place = 0; place < texts.size(); place++) {
      String text = texts.get(place);
      int space = text.indexOf(' ', 1);
      if (space < 0 || space == text.length() - 1) {
        throw keys.generalProblem(KEY)
            .wrong(
                "two tokens with a space between them",
                "%s at place %d".formatted(Printable.of(text), place));
      }
      Merge merge = new Merge(text.substring(0, space), text.substring(space + 1));
      for (String token : List.of(merge.left, merge.right, merge.left + merge.right)) {
        if (!vocabulary.ids().containsKey(token)) {
          throw keys.generalProblem(KEY)
              .wrong(
                  "tokens of " + GgufVocabulary.TOKENS,
                  "%s at place %d".formatted(Printable.of(token), place));
        }
      }
      merges.add(merge);
    }
    return merges;
  }

  /**
   * Makes the merges by which byte-pair encoding tokenizes as SentencePiece does, which merges the
   * two neighbours whose joined piece has the highest score: each way to cut each piece into two
   * others, in the order of the pieces' scores, the highest first.
   *
   * <p>Of pieces with equal scores the one with the lower id goes first. So a file whose scores are
   * all the same, as a converter without the original scores writes it, gives the tokens that the
   * model was trained on: those ids are in the order of merges. (llama.cpp merges equal ones from
   * left to right there.)
   *
   * @throws io.github.wandacuda.error.InputException if a piece is far longer than those of any
   *     model
   */
  static Collection<Merge> byScore(GgufKeys keys, GgufVocabulary vocabulary) {
    float[] scores = vocabulary.scores();
    List<Integer> order =
        IntStream.range(0, scores.length)
            .filter(vocabulary::isNormal)
            .boxed()
            .sorted(Comparator.comparing((Integer id) -> -scores[id]))
            .toList();
    List<Merge> merges = new ArrayList<>();
    long characters = 0;
    for (int id : order) {
      String piece = vocabulary.text(id);
      if (piece.length() > LONGEST) {
        throw keys.generalProblem(GgufVocabulary.TOKENS)
            .wrong(
                "pieces of at most %d characters".formatted(LONGEST),
                "%d in token %d".formatted(piece.length(), id));
      }
      List<Merge> cuts = cuts(piece, vocabulary);
      merges.addAll(cuts);
      characters += (long) cuts.size() * piece.length();
      if (characters > MOST_CHARACTERS) {
        throw keys.generalProblem(GgufVocabulary.TOKENS)
            .wrong(
                "pieces with merges of at most %d characters".formatted(MOST_CHARACTERS), "more");
      }
    }
    return merges;
  }

  /** Returns the ways to cut a piece in two, in the order of the parts' ids. */
  private static List<Merge> cuts(String piece, GgufVocabulary vocabulary) {
    Map<String, Integer> ids = vocabulary.ids();
    List<Merge> cuts = new ArrayList<>();
    for (int end = 1; end < piece.length(); end++) {
      Merge cut = new Merge(piece.substring(0, end), piece.substring(end));
      if (isPiece(cut.left, vocabulary) && isPiece(cut.right, vocabulary)) {
        cuts.add(cut);
      }
    }
    cuts.sort(
        Comparator.comparing((Merge cut) -> ids.get(cut.left))
            .thenComparing(cut -> ids.get(cut.right)));
    return cuts;
  }

  private static boolean isPiece(String text, GgufVocabulary vocabulary) {
    Integer id = vocabulary.ids().get(text);
    return id != null && vocabulary.isNormal(id);
  }
}
