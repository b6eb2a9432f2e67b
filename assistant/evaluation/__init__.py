"""How good are the answers: questions with known SQL are asked as a person would ask, and the results compared."""
