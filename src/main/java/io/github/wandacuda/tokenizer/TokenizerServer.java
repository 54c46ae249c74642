package io.github.wandacuda.tokenizer;

import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.error.WandaException;
import io.github.wandacuda.system.ParentTie;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * The other end of a {@link TokenizerProcess}: a program that tokenizes what comes on its standard
 * input until that ends.
 *
 * <p>It first answers whether the tokenizer could be opened: a status and, unless that is {@link
 * #READY}, what is wrong as {@link TransferredError}. Then a text, its length in bytes and UTF-8,
 * is answered by the number of tokens and their ids, or by -1 and what is wrong. Numbers have four
 * bytes, the highest first.
 */
public final class TokenizerServer {
  static final int READY = 0;
  static final int BAD_INPUT = 1;
  static final int UNAVAILABLE = 2;
  static final int FAILED = -1;

  private static final int BUFFER = 1 << 16;

  private final DataInputStream in;
  private final DataOutputStream out;

  private TokenizerServer(DataInputStream in, DataOutputStream out) {
    this.in = in;
    this.out = out;
  }

  /**
   * Runs the program.
   *
   * @param args the pid of the process that started it, and the model's directory
   */
  public static void main(String[] args) throws IOException {
    ParentTie.to(Long.parseLong(args[0]));
    PrintStream answers = System.out;
    System.setOut(System.err);
    new TokenizerServer(
            new DataInputStream(new BufferedInputStream(System.in, BUFFER)),
            new DataOutputStream(new BufferedOutputStream(answers, BUFFER)))
        .serve(Path.of(args[1]));
    // Not at the end of main: the thread of the tie goes on.
    System.exit(0);
  }

  private void serve(Path model) throws IOException {
    try (DjlTokenizer tokenizer = DjlTokenizer.open(model)) {
      out.writeInt(READY);
      out.flush();
      for (String text = text(); text != null; text = text()) {
        answer(tokenizer, text);
        out.flush();
      }
    } catch (WandaException e) {
      out.writeInt(e instanceof BackendUnavailableException ? UNAVAILABLE : BAD_INPUT);
      TransferredError.write(out, e.details());
      out.flush();
    }
  }

  /** Returns the next text, or null once there are no more. */
  private String text() throws IOException {
    try {
      return new String(in.readNBytes(in.readInt()), StandardCharsets.UTF_8);
    } catch (EOFException e) {
      return null;
    }
  }

  private void answer(DjlTokenizer tokenizer, String text) throws IOException {
    int[] ids;
    try {
      ids = tokenizer.encode(text);
    } catch (WandaException e) {
      out.writeInt(FAILED);
      TransferredError.write(out, e.details());
      return;
    }
    ByteBuffer bytes = ByteBuffer.allocate(Math.multiplyExact(ids.length, Integer.BYTES));
    bytes.asIntBuffer().put(ids);
    out.writeInt(ids.length);
    out.write(bytes.array());
  }
}
