package io.github.wandacuda.error;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;

/** Why the system could not read or write a file, in words that follow the file's name. */
public final class Reason {
  private Reason() {}

  /** Returns what the system said, without the file's name, on one line. */
  public static String of(IOException e) {
    return switch (e) {
      case NoSuchFileException missing -> "no such file or folder";
      case AccessDeniedException denied -> "permission denied";
      case NotDirectoryException file -> "not a folder";
      case FileAlreadyExistsException there -> "there is one already";
      case FileSystemLoopException loop -> "its links lead in a circle";
      case CharacterCodingException coding -> "not UTF-8";
      case FileSystemException system -> said(system, system.getReason());
      default -> said(e, e.getLocalizedMessage());
    };
  }

  private static String said(IOException e, String message) {
    return message == null || message.isBlank()
        ? e.getClass().getSimpleName()
        : Printable.of(message.strip().lines().findFirst().orElse("").strip());
  }
}
