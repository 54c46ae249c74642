package io.github.wandacuda.text;

import io.github.wandacuda.error.WandaException;
import java.nio.file.Path;

/** A program that prints how many documents its argument holds, or why it can't say. */
final class CountDocuments {
  private CountDocuments() {}

  public static void main(String[] arguments) {
    try (Documents documents = Documents.open(Path.of(arguments[0]))) {
      System.out.println(documents.count());
    } catch (WandaException e) {
      System.out.println(e.getClass().getSimpleName() + " " + e.getMessage());
    }
  }
}
