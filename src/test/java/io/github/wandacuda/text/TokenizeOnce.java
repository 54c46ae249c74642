package io.github.wandacuda.text;

import java.nio.file.Path;
import java.util.Arrays;

/** A program that tokenizes its second argument with the model in its first. */
final class TokenizeOnce {
  private TokenizeOnce() {}

  public static void main(String[] arguments) {
    try (DjlTokenizer tokenizer = DjlTokenizer.open(Path.of(arguments[0]))) {
      System.out.println(Arrays.toString(tokenizer.encode(arguments[1])));
    }
  }
}
