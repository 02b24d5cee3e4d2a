// What the programs of this folder share: where the server is, what they ask, and how they tell what they got.
export const [base, model] = process.argv.slice(2);
export const prompt = 'Name three colours.';
export const greedy = 24; // tokens
export const texts = ['The cat sat on the mat.', 'Ein Hund läuft über die Straße.']; // to embed

export function print(value) {
  process.stdout.write(JSON.stringify(value));
}

// The message and status of the error that `run` throws, which must be of the client's own type.
export async function thrown(run, type) {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof type)) return { wrong: `${error?.constructor?.name}: ${error?.message}` };
    return { message: error.message, status: error.status ?? error.status_code ?? error.statusCode };
  }
  return { wrong: 'nothing was thrown' };
}
